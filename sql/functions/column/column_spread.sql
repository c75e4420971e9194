CREATE OR REPLACE FUNCTION gapless.column_spread(
    series text[], -- of each row
    names  text[], -- each once
    firsts bigint[]
) RETURNS bigint[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF current_setting('gapless.column_bounded', true) = 'on' THEN -- set by whoever has found the next numbers
        RETURN ARRAY(
            SELECT gapless.column_step(r.name, f.first, r.place - 1, true)
            FROM (
                SELECT u.i, u.name COLLATE "C" AS name, row_number() OVER (PARTITION BY u.name COLLATE "C" ORDER BY u.i) AS place
                FROM unnest(series) WITH ORDINALITY AS u (name, i)
            ) AS r
            JOIN unnest(names, firsts) AS f (name, first) ON f.name = r.name
            ORDER BY r.i
        );
    ELSIF cardinality(names) = 1 AND firsts[1] <= 9223372036854775807 - cardinality(series) THEN
        RETURN ARRAY(SELECT firsts[1] + i FROM generate_series(0, cardinality(series) - 1) AS i);
    END IF;
    RETURN ARRAY(
        SELECT CASE WHEN f.first <= 9223372036854775807 - (r.place - 1) THEN f.first + (r.place - 1) END
        FROM (
            SELECT u.i, u.name COLLATE "C" AS name, row_number() OVER (PARTITION BY u.name COLLATE "C" ORDER BY u.i) AS place
            FROM unnest(series) WITH ORDINALITY AS u (name, i)
        ) AS r
        JOIN unnest(names, firsts) AS f (name, first) ON f.name = r.name
        ORDER BY r.i
    );
END;
$function$;

COMMENT ON FUNCTION gapless.column_spread IS
'Private, for the triggers of attach_gapless. The number of each row, from the next number of each sequence, in the order of the rows; NULL past 2^63-1. Raises 2200H past the last range.';

REVOKE ALL ON FUNCTION gapless.column_spread FROM PUBLIC;
