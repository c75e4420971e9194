CREATE OR REPLACE FUNCTION gapless.raise_range(
    name text
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    remedy CONSTANT text := format('Ask for the next range, and give it to the sequence: SELECT gapless.range_gapless(%L, first, last, ''the authority''''s reference''); then try again.', raise_range.name);
    rest   CONSTANT bigint := gapless.range_left(raise_range.name);
    newest bigint;
    ended  gapless.number_range;
BEGIN
    PERFORM gapless.check_not_rewritten();
    IF rest > 0 THEN
        RAISE EXCEPTION 'sequence "%": its ranges have % number(s) left, which are too few', raise_range.name, rest
            USING ERRCODE = 'sequence_generator_limit_exceeded', HINT = remedy, DETAIL = 'The view gapless.ranges shows them.',
                SCHEMA = 'gapless', TABLE = 'number_range', CONSTRAINT = 'gapless_range_end';
    END IF;
    SELECT n.last_value INTO newest FROM gapless.last_run(raise_range.name) AS n;
    SELECT r.*
    INTO ended
    FROM gapless.number_range AS r
    WHERE r.name = raise_range.name COLLATE "C" AND (r.last_value <= newest) IS NOT TRUE AND r.expires <= statement_timestamp()
    ORDER BY r.first_value DESC
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'sequence "%": its range % to % was valid until % in %', raise_range.name, ended.first_value, ended.last_value, ended.valid_until, ended.time_zone
            USING ERRCODE = 'invalid_parameter_value', DETAIL = format('Its reason: %s', left(ended.reason, 200)), HINT = remedy,
                SCHEMA = 'gapless', TABLE = 'number_range', CONSTRAINT = 'gapless_range_date';
    END IF;
    SELECT r.* INTO ended FROM gapless.number_range AS r WHERE r.name = raise_range.name COLLATE "C" ORDER BY r.first_value DESC LIMIT 1;
    RAISE EXCEPTION 'sequence "%": no number is left in its ranges', raise_range.name
        USING ERRCODE = 'sequence_generator_limit_exceeded', HINT = remedy,
            DETAIL = CASE WHEN FOUND THEN format('The last was %s to %s: %s', ended.first_value, ended.last_value, left(ended.reason, 200)) ELSE 'All were withdrawn.' END,
            SCHEMA = 'gapless', TABLE = 'number_range', CONSTRAINT = 'gapless_range_end';
END;
$function$;

COMMENT ON FUNCTION gapless.raise_range IS
'Private. Raises 2200H for a sequence whose ranges have no number left, or too few; 22023 where they have expired, with what is to be done.';

REVOKE ALL ON FUNCTION gapless.raise_range FROM PUBLIC;
