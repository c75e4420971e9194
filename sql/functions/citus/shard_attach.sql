-- Sets no search_path of its own: attach_gapless reads it.
CREATE OR REPLACE FUNCTION gapless.shard_attach(
    shard_name  text,
    column_name name,
    arguments   jsonb,  -- of attach_gapless
    path        text,
    table_id    bigint,
    shard       bigint, -- NULL: the whole table, which is not distributed any more
    placement   bigint,
    series      jsonb,  -- that are its own, even where no row is left
    gone        bigint[] -- tables of this node that had them before
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
AS $function$
DECLARE
    relation pg_catalog.regclass;
    guard    pg_catalog.text; -- that attach_gapless refuses
BEGIN
    PERFORM gapless.shard_wait_less();
    PERFORM pg_catalog.set_config('citus.enable_manual_changes_to_shards', 'on', true) WHERE shard IS NOT NULL;
    PERFORM pg_catalog.set_config('citus.enable_ddl_propagation', 'off', true), pg_catalog.set_config('search_path', path, true);
    relation := shard_name::pg_catalog.regclass;
    PERFORM gapless.shard_hand_over(g.gone, column_name, series, relation) FROM pg_catalog.unnest(gone) AS g (gone);
    IF shard IS NULL THEN
        SELECT pg_catalog.pg_get_triggerdef(t.oid) INTO STRICT guard
        FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid OPERATOR(pg_catalog.=) relation AND t.tgname OPERATOR(pg_catalog.=) ('~gapless_shard_' OPERATOR(pg_catalog.||) column_name)::pg_catalog.name;
        EXECUTE pg_catalog.format('DROP TRIGGER %I ON %s', '~gapless_shard_' OPERATOR(pg_catalog.||) column_name, relation);
    END IF;
    PERFORM gapless.attach_gapless(
        relation, column_name, name => a.name, initial => a.initial, format => a.format, condition => a.condition, chronology => a.chronology,
        at_commit => a.at_commit, unnumbered => a.unnumbered, chain => a.chain, hash_column => a.hash_column, previous_column => a.previous_column, moves => a.moves
    )
    FROM pg_catalog.jsonb_to_record(arguments) AS a (
        name pg_catalog.text, initial pg_catalog.int8, format pg_catalog.text, condition pg_catalog.text, chronology pg_catalog.text, at_commit pg_catalog.bool,
        unnumbered pg_catalog.text, chain pg_catalog.text, hash_column pg_catalog.name, previous_column pg_catalog.name, moves pg_catalog.bool
    );
    PERFORM gapless.shard_note(relation, column_name, table_id, shard, placement, series);
    IF shard IS NULL THEN -- until nothing is left elsewhere
        EXECUTE guard;
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_attach IS
'Private, for the coordinator, on a node: attaches the column of a shard, and notes which shard it is; or, on the coordinator, that of a table that is not distributed any more. Locks and raises as attach_gapless does.';

REVOKE ALL ON FUNCTION gapless.shard_attach FROM PUBLIC;
