CREATE OR REPLACE FUNCTION gapless.shard_detach_table(
    target        regclass,
    target_column name
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    guard  record;
    unsafe CONSTANT text := current_setting('citus.enable_unsafe_triggers', true);
BEGIN
    PERFORM gapless.shard_check_session();
    SELECT g.trigger, g.column_name INTO guard FROM gapless.shard_guards() AS g WHERE g.relation = target AND g.guarded = target_column;
    IF NOT FOUND AND NOT EXISTS (SELECT FROM gapless.shard_list(target, target_column) AS l WHERE l.attached) THEN
        RAISE EXCEPTION 'column "%" of table % is not attached', target_column, target
            USING ERRCODE = 'undefined_object', HINT = 'SELECT * FROM gapless.node_shards(); shows the columns that are, by the names under which they were attached.',
                SCHEMA = 'gapless', CONSTRAINT = 'gapless_unattached';
    END IF;
    IF guard.column_name <> target_column AND EXISTS (SELECT FROM gapless.shard_list(target, target_column) AS l WHERE NOT l.attached) THEN
        RAISE EXCEPTION 'column "%" of table % was renamed, and shards of it were moved: their series would not be found under another name', target_column, target
            USING ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = 'gapless', CONSTRAINT = 'shard_renamed',
                HINT = format('ALTER TABLE %s RENAME %I TO %I; SELECT * FROM gapless.attach_shards(%L); then rename and detach it.', target, guard.column_name, target_column, target);
    END IF;
    PERFORM gapless.shard_detach_all(target, target_column);
    IF guard.trigger IS NULL THEN -- an attach that was rolled back
        RETURN;
    END IF;
    PERFORM set_config('citus.enable_unsafe_triggers', 'on', true);
    EXECUTE format('DROP TRIGGER %I ON %s', guard.trigger, target);
    PERFORM set_config('citus.enable_unsafe_triggers', coalesce(unsafe, 'off'), true);
END;
$function$;

COMMENT ON FUNCTION gapless.shard_detach_table IS
'Private, for detach_gapless, on the coordinator. Detaches the column of each shard, on its node, and drops the guard of the distributed table. Raises 42501, 42704 where it is not attached, and 55000 as attach_shards does, and where the column was renamed while shards of it were moved.';

REVOKE ALL ON FUNCTION gapless.shard_detach_table FROM PUBLIC;
