-- Runs with the caller's rights, a superuser's. The event trigger's function is a copy that belongs to this superuser,
-- so that the owner of schema gapless cannot change what others' DDL runs. It runs as the role of the DDL, which owns
-- the new partition. An error in it becomes a warning, and other commands do not come so far.
CREATE OR REPLACE FUNCTION gapless.guard_new_partitions(
    enable boolean DEFAULT true
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $function$
BEGIN
    DROP EVENT TRIGGER IF EXISTS gapless_guard_partitions;
    DROP FUNCTION IF EXISTS gapless.guard_partitions_of_command();
    IF enable IS FALSE THEN
        RETURN;
    END IF;
    EXECUTE format(
        'CREATE FUNCTION gapless.guard_partitions_of_command() RETURNS event_trigger LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS %L',
        'DECLARE target CONSTANT regclass := NULL; BEGIN'
            || ' IF NOT EXISTS (SELECT FROM pg_event_trigger_ddl_commands() AS d JOIN pg_catalog.pg_class AS c ON c.oid = d.objid'
            || ' WHERE d.classid = ''pg_class''::regclass AND (c.relispartition OR c.relkind = ''p'')) THEN RETURN; END IF; BEGIN'
            || gapless.column_copy('column_guard_partitions', '{event}', '{}', '{}')
            || 'EXCEPTION WHEN OTHERS THEN RAISE WARNING ''new partitions are not guarded: %'', SQLERRM USING HINT = ''Call gapless.guard_partitions.''; END; END'
    );
    IF EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname = 'gapless') THEN
        ALTER FUNCTION gapless.guard_partitions_of_command() DEPENDS ON EXTENSION gapless; -- as those of a column
    END IF;
    REVOKE ALL ON FUNCTION gapless.guard_partitions_of_command() FROM PUBLIC;
    COMMENT ON FUNCTION gapless.guard_partitions_of_command() IS 'Of gapless.guard_new_partitions: guards the partitions that a command has made or attached.';
    CREATE EVENT TRIGGER gapless_guard_partitions ON ddl_command_end
        WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE', 'CREATE SCHEMA', 'CREATE FOREIGN TABLE')
        EXECUTE FUNCTION gapless.guard_partitions_of_command();
    COMMENT ON EVENT TRIGGER gapless_guard_partitions IS 'Guards new partitions of tables with attached columns. Made, and dropped, by gapless.guard_new_partitions.';
EXCEPTION WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'only a superuser can let an event trigger guard new partitions'
        USING ERRCODE = 'insufficient_privilege', DETAIL = SQLERRM, SCHEMA = 'gapless',
            HINT = 'Call gapless.guard_partitions after each CREATE TABLE ... PARTITION OF and ATTACH PARTITION.';
END;
$function$;

COMMENT ON FUNCTION gapless.guard_new_partitions IS
'Makes an event trigger that guards a partition when it is made or attached, as guard_partitions does, or with false drops it. For a superuser. Call it again after an upgrade. Raises 42501 for others.';

REVOKE ALL ON FUNCTION gapless.guard_new_partitions FROM PUBLIC;
