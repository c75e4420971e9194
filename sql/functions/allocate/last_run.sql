-- newest_run, but of a closed sequence, too.
CREATE OR REPLACE FUNCTION gapless.last_run(
    name text
) RETURNS TABLE (
    last_value   bigint,
    dated        timestamp,
    next_ordinal bigint
)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER ROWS 1
AS $function$
    SELECT
        j.last_value,
        j.dated,
        j.ordinal OPERATOR(pg_catalog.+) (j.last_value OPERATOR(pg_catalog.-) j.first_value) OPERATOR(pg_catalog.+) 1
    FROM gapless.journal AS j
    WHERE j.name OPERATOR(pg_catalog.=) last_run.name COLLATE pg_catalog."C" AND j.last_value IS NOT NULL
    ORDER BY j.ordinal DESC
    LIMIT 1
$function$;

COMMENT ON FUNCTION gapless.last_run IS
'Private. The newest row with values of a sequence''s journal, whether the sequence is closed or not, with the ordinal that follows it; no row if there is none.';

REVOKE ALL ON FUNCTION gapless.last_run FROM PUBLIC;
