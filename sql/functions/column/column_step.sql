-- Which numbers a sequence with ranges may issue, and in which order: the one place that knows. The clock is the
-- client's statement's, so that all rows of a statement are of one day. The caller has locked the sequence.
CREATE OR REPLACE FUNCTION gapless.column_step(
    name  text,
    value bigint, -- NULL: from the first on
    steps bigint,
    raise boolean DEFAULT false -- where there is none
) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the tables are small must stay right when they are large
AS $function$
DECLARE
    remaining numeric := steps::numeric;
    usable    record;
BEGIN
    IF EXISTS (SELECT FROM gapless.sequence_lock AS s WHERE s.name = column_step.name COLLATE "C" AND NOT s.bounded) THEN
        RETURN CASE WHEN value <= 9223372036854775807 - steps THEN value + steps END;
    END IF;
    FOR usable IN
        SELECT greatest(r.first_value, column_step.value) AS first_value, r.last_value
        FROM gapless.number_range AS r
        WHERE r.name = column_step.name COLLATE "C"
            AND (r.expires <= statement_timestamp()) IS NOT TRUE
            AND (r.last_value < column_step.value) IS NOT TRUE
        ORDER BY r.first_value
    LOOP
        IF remaining <= usable.last_value::numeric - usable.first_value THEN
            RETURN (usable.first_value + remaining)::bigint;
        END IF;
        remaining := remaining - (usable.last_value::numeric - usable.first_value + 1);
    END LOOP;
    IF column_step.raise THEN
        PERFORM gapless.raise_range(column_step.name);
    END IF;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION gapless.column_step IS
'Private, for the triggers of attach_gapless, too. The number that is so many steps after the first one from value on, in the ranges of a sequence that have not expired; NULL if there is none, or 2200H or 22023. Of a sequence without ranges, their sum.';

REVOKE ALL ON FUNCTION gapless.column_step FROM PUBLIC;
