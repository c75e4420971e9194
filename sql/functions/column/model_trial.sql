CREATE OR REPLACE FUNCTION gapless.model_trial() RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
    row     record;
    value   bigint;
    before  bigint;
    number  text;
    seen    text[];
    digits  bigint[] := ARRAY(
        SELECT v.value::bigint
        FROM (
            SELECT 10::numeric ^ e + d AS value FROM generate_series(0, 18) AS e CROSS JOIN generate_series(-1, 1) AS d
            UNION SELECT 1 /*initial*/
            UNION SELECT 9223372036854775807
        ) AS v
        WHERE v.value >= 1 /*initial*/
        ORDER BY v.value
    );
BEGIN
    -- Once on a row that is made up, if there is none.
    FOR row IN
        SELECT one.one, r.sample FROM (SELECT true AS one) AS one LEFT JOIN (SELECT r.* FROM gapless.model AS r LIMIT 3) AS r ON true
    LOOP
        seen := '{}'::text[];
        before := NULL;
        FOREACH value IN ARRAY digits LOOP
            BEGIN
                number := gapless.model_text(value, row.input);
            EXCEPTION WHEN OTHERS THEN
                RETURN QUERY SELECT 'failed', value, before, SQLERRM;
                EXIT;
            END;
            EXIT WHEN number IS NULL;
            IF number LIKE '%##%' AND seen[1] NOT LIKE '%##%' THEN
                RETURN QUERY SELECT 'overflown', value, before, number;
                EXIT;
            END IF;
            IF number = ANY (seen) THEN
                RETURN QUERY SELECT 'repeated', value, digits[array_position(seen, number)], number;
                EXIT;
            END IF;
            IF length(number) > NULL::integer /*room*/ THEN
                RETURN QUERY SELECT 'cut', value, before, number;
                EXIT;
            END IF;
            seen := array_append(seen, number);
            before := value;
        END LOOP;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.model_trial IS
'Private, a model for attach_gapless. Tries the format over values of every length, on some rows of the table: where it fails, overflows, and gives a text twice.';

REVOKE ALL ON FUNCTION gapless.model_trial FROM PUBLIC;
