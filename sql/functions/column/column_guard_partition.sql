-- PostgreSQL gives a partition the row triggers of its table, but not those for TRUNCATE, and takes them back when the
-- partition is detached. attach_gapless guards the partitions that there are. The first row for a later one guards it
-- if nobody else is writing there, since CREATE TRIGGER needs the partition for itself and must not deadlock. Locks
-- the partition (SHARE ROW EXCLUSIVE) until the transaction ends, without waiting. Raises 42809 for an unlogged or
-- foreign one.
CREATE OR REPLACE FUNCTION gapless.column_guard_partition(
    partition     regclass,
    target_column name,
    function      regproc -- model_keep's copy
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    kind     record;
    name     name;
    item     record;
BEGIN
    SELECT c.relkind, c.relpersistence INTO STRICT kind FROM pg_catalog.pg_class AS c WHERE c.oid = partition;
    IF kind.relkind = 'f' OR kind.relpersistence <> 'p' THEN
        RAISE EXCEPTION 'partition % cannot be numbered: it is %', partition,
            CASE WHEN kind.relkind = 'f' THEN 'a foreign table' ELSE 'not logged, so that a crash would empty it' END
            USING ERRCODE = 'wrong_object_type', HINT = 'Use an ordinary table as the partition.', SCHEMA = 'gapless';
    END IF;
    BEGIN
        EXECUTE format('LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE NOWAIT', partition);
    EXCEPTION WHEN lock_not_available OR insufficient_privilege THEN
        RETURN; -- a later row will try again; another's partition is the other's to guard
    END;
    FOR item IN
        SELECT *
        FROM (
            VALUES
                ('truncate', 'BEFORE TRUNCATE ON %s FOR EACH STATEMENT'),
                ('settle', 'AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH STATEMENT'),
                ('kept_delete', 'AFTER DELETE ON %s FOR EACH ROW WHEN (OLD.%I IS NOT NULL)'),
                ('kept_update', 'BEFORE UPDATE ON %s FOR EACH ROW WHEN (OLD.%2$I IS NOT NULL)')
        ) AS v (purpose, event)
    LOOP
        name := ('~gapless_' || item.purpose || '_' || target_column)::name;
        CONTINUE WHEN EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = partition AND t.tgname = name);
        BEGIN
            EXECUTE format('CREATE TRIGGER %I ', name)
                || format(item.event, partition, target_column)
                || format(' EXECUTE FUNCTION %s(%L)', function, split_part(item.purpose, '_', 1));
        EXCEPTION WHEN duplicate_object THEN
            NULL; -- made since this transaction's snapshot
        END;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.column_guard_partition IS
'Private, for attach_gapless and its triggers. Guards a partition against TRUNCATE, and against what may happen to it after it was detached, by triggers of its own; does nothing while others write to it.';

REVOKE ALL ON FUNCTION gapless.column_guard_partition FROM PUBLIC;
