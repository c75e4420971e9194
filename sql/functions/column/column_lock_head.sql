CREATE OR REPLACE FUNCTION gapless.column_lock_head(
    target        regclass,
    target_column name
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('gapless.attach_gapless ' || target::oid || ' ' || target_column, 0));
END;
$function$;

COMMENT ON FUNCTION gapless.column_lock_head IS
'Private, for attach_gapless and detach_gapless. Locks, until the transaction ends, which columns share the series of a column.';

REVOKE ALL ON FUNCTION gapless.column_lock_head FROM PUBLIC;
