-- The caller has locked the sequence.
CREATE OR REPLACE FUNCTION gapless.check_not_live(
    name text
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    marked gapless.decision;
BEGIN
    SELECT d.* INTO marked FROM gapless.decision AS d WHERE d.name = check_not_live.name COLLATE "C" AND d.kind = 'live' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'sequence "%" is live: it never begins again', check_not_live.name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                DETAIL = format('%s marked it at %s: %s', marked.decided_by, marked.decided_at, left(marked.reason, 200)),
                HINT = 'Cancel numbers with gapless.void_gapless; or end the series with gapless.close_gapless.',
                SCHEMA = 'gapless', TABLE = 'sequence_lock', CONSTRAINT = 'gapless_live';
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.check_not_live IS
'Private. Raises 55000 for a sequence that go_live_gapless has marked, and says who did, when and why.';

REVOKE ALL ON FUNCTION gapless.check_not_live FROM PUBLIC;
