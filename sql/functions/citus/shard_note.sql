CREATE OR REPLACE FUNCTION gapless.shard_note(
    relation    regclass,
    column_name name,
    table_id    bigint,
    shard       bigint,
    placement   bigint,
    series      jsonb -- that are its own, even where no row is left
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    UPDATE gapless.sequence_lock AS s
    SET target = shard_note.relation, target_column = shard_note.column_name
    WHERE s.name IN (SELECT jsonb_array_elements_text(shard_note.series) COLLATE "C") AND s.target IS NULL
        AND NOT EXISTS (SELECT FROM gapless.former AS f WHERE f.name = s.name);
    INSERT INTO gapless.shard AS s (relation, column_name, table_id, shard, placement, function)
    SELECT shard_note.relation, shard_note.column_name, shard_note.table_id, shard_note.shard, shard_note.placement, format('%I.%I', n.nspname, p.proname)
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    WHERE shard_note.shard IS NOT NULL AND t.tgrelid = shard_note.relation AND t.tgname = ('~gapless_insert_' || shard_note.column_name)::name
    ON CONFLICT ON CONSTRAINT shard_pkey DO UPDATE
    SET table_id = excluded.table_id, shard = excluded.shard, placement = excluded.placement, function = excluded.function;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_note IS
'Private, for shard_attach. Notes which shard of which distributed table a table is, so that its series are known when it has gone. Where shard is NULL, it is none, and only the series become its own.';

REVOKE ALL ON FUNCTION gapless.shard_note FROM PUBLIC;
