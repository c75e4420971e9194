CREATE OR REPLACE FUNCTION gapless.raise_locked(
    name text
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RAISE EXCEPTION 'sequence "%" is locked by another transaction', raise_locked.name
        USING ERRCODE = 'lock_not_available',
            HINT = 'Try again when that transaction has ended; gapless.holders shows who it is. Without nowait, the call waits.',
            SCHEMA = 'gapless', TABLE = 'sequence_lock';
END;
$function$;

COMMENT ON FUNCTION gapless.raise_locked IS
'Private. Raises 55P03 for a sequence that another transaction holds.';

REVOKE ALL ON FUNCTION gapless.raise_locked FROM PUBLIC;
