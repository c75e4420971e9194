-- For whoever finds that the newest run has no last value: there is none yet, or the sequence is closed.
CREATE OR REPLACE FUNCTION gapless.begin_at(
    name    text,
    initial bigint
) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
BEGIN
    IF (SELECT j.kind FROM gapless.journal AS j WHERE j.name = begin_at.name COLLATE "C" ORDER BY j.ordinal DESC LIMIT 1) = 'closed' THEN
        PERFORM gapless.raise_closed(begin_at.name);
    END IF;
    RETURN initial;
END;
$function$;

COMMENT ON FUNCTION gapless.begin_at IS
'Private. initial, unless the sequence is closed: raises 55000 then.';

REVOKE ALL ON FUNCTION gapless.begin_at FROM PUBLIC;
