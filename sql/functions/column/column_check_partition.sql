CREATE OR REPLACE FUNCTION gapless.column_check_partition(
    partition regclass
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    kind record;
BEGIN
    SELECT c.relkind, c.relpersistence INTO kind FROM pg_catalog.pg_class AS c WHERE c.oid = partition;
    IF kind.relkind = 'f' OR kind.relpersistence <> 'p' THEN
        RAISE EXCEPTION 'partition % cannot be numbered: it is %', partition,
            CASE WHEN kind.relkind = 'f' THEN 'a foreign table' ELSE 'not logged, so that a crash would empty it' END
            USING ERRCODE = 'wrong_object_type', HINT = 'Use an ordinary table as the partition.', SCHEMA = 'gapless';
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_check_partition IS
'Private, for the triggers of attach_gapless. Raises 42809 for a partition that is unlogged or foreign.';

REVOKE ALL ON FUNCTION gapless.column_check_partition FROM PUBLIC;
