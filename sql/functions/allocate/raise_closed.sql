CREATE OR REPLACE FUNCTION gapless.raise_closed(
    name text
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    closing gapless.decision;
BEGIN
    SELECT d.*
    INTO closing
    FROM gapless.decision AS d
    WHERE d.name = raise_closed.name COLLATE "C" AND d.kind = 'closed'
    ORDER BY d.ordinal DESC
    LIMIT 1;
    RAISE EXCEPTION 'sequence "%" is closed', raise_closed.name
        USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = format('%s closed it at %s: %s', closing.decided_by, closing.decided_at, left(closing.reason, 200)),
            HINT = format('Give the document another date or series; or open this one: SELECT gapless.open_gapless(%L, ''why'');', raise_closed.name),
            SCHEMA = 'gapless', TABLE = 'sequence_lock', CONSTRAINT = 'gapless_closed';
END;
$function$;

COMMENT ON FUNCTION gapless.raise_closed IS
'Private. Raises 55000 for a sequence that close_gapless has closed, and says who did, when and why.';

REVOKE ALL ON FUNCTION gapless.raise_closed FROM PUBLIC;
