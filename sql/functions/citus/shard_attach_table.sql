CREATE OR REPLACE FUNCTION gapless.shard_attach_table(
    target        regclass,
    target_column name,
    asked         jsonb, -- the arguments of attach_gapless, by their names
    make_index    boolean,
    path          text,
    kind          text
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    guard   record;
    code    text;
    refused text;
    hint    text;
BEGIN
    asked := asked || jsonb_build_object('name', coalesce(asked ->> 'name', (
        SELECT quote_literal(format('%I.%I.%I', n.nspname, c.relname, target_column)) FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = target
    )));
    IF kind <> 'worker' THEN
        PERFORM gapless.shard_check_session();
    END IF;
    PERFORM gapless.shard_check_table(target, target_column, asked, make_index, kind, path);
    SELECT g.* INTO guard FROM gapless.shard_guards() AS g WHERE g.relation = target AND target_column IN (g.guarded, g.column_name);
    IF FOUND AND (guard.arguments, guard.path) IS DISTINCT FROM (asked, path) THEN
        RAISE EXCEPTION 'column "%" of table % is attached already, with another definition', target_column, target
            USING ERRCODE = 'duplicate_object',
                DETAIL = format('It is attached with %s, and not with %s.', guard.arguments || jsonb_build_object('search_path', guard.path), asked || jsonb_build_object('search_path', path)),
                HINT = 'To attach it otherwise, detach it first: gapless.detach_gapless.',
                TABLE = (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = target), COLUMN = target_column,
                SCHEMA = (SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = target),
                CONSTRAINT = 'gapless_attached';
    END IF;
    BEGIN
        PERFORM gapless.shard_bring(target, target_column, asked, path, coalesce(guard.table_id, target::oid::bigint), NULL);
        PERFORM gapless.shard_leave(target, target_column, coalesce(guard.table_id, target::oid::bigint));
        PERFORM gapless.shard_guard_table(target, target_column, asked, path) WHERE guard.relation IS NULL;
        RETURN;
    EXCEPTION WHEN query_canceled OR OTHERS THEN
        GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, refused = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    END;
    IF guard.relation IS NULL THEN
        PERFORM gapless.shard_detach_all(target, target_column);
    END IF;
    RAISE EXCEPTION 'column "%" of table % is not attached: %', target_column, target, refused
        USING ERRCODE = code, HINT = coalesce(nullif(hint, ''), 'Mend that there, and attach it again.'), SCHEMA = 'gapless';
END;
$function$;

COMMENT ON FUNCTION gapless.shard_attach_table IS
'Private, for attach_gapless, on the coordinator. Attaches the column of each shard, on its node, and puts a guard on the distributed table, which Citus takes along to wherever a shard goes. Where one shard fails, those that were attached are detached again.';

REVOKE ALL ON FUNCTION gapless.shard_attach_table FROM PUBLIC;
