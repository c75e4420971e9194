CREATE OR REPLACE FUNCTION gapless.range_left(
    name text
) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    newest bigint;
BEGIN
    SELECT n.last_value INTO newest FROM gapless.last_run(range_left.name) AS n;
    RETURN (
        SELECT least(coalesce(sum(r.last_value::numeric - greatest(r.first_value, newest::numeric + 1) + 1), 0), 9223372036854775807)::bigint
        FROM gapless.number_range AS r
        WHERE r.name = range_left.name COLLATE "C"
            AND (r.expires <= statement_timestamp()) IS NOT TRUE
            AND (r.last_value <= newest) IS NOT TRUE
    );
END;
$function$;

COMMENT ON FUNCTION gapless.range_left IS
'Private. How many numbers a sequence with ranges may still issue.';

REVOKE ALL ON FUNCTION gapless.range_left FROM PUBLIC;
