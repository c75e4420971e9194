CREATE OR REPLACE FUNCTION gapless.raise_stale(
    name text
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RAISE EXCEPTION 'sequence "%" was allocated from since this transaction''s snapshot', raise_stale.name
        USING ERRCODE = 'serialization_failure',
            HINT = 'Retry the transaction, or use READ COMMITTED, which waits instead.',
            SCHEMA = 'gapless', TABLE = 'journal', CONSTRAINT = 'journal_pkey';
END;
$function$;

COMMENT ON FUNCTION gapless.raise_stale IS
'Private. Raises 40001 for a sequence that is ahead of the transaction''s snapshot.';

REVOKE ALL ON FUNCTION gapless.raise_stale FROM PUBLIC;
