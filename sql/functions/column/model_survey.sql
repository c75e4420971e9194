-- One pass over the rows. A second one for numbers that a series has twice, where the unique index does not rule them
-- out: where it has more columns than the number, and a series has rows that differ in those. And one for the texts that
-- tell no number, if there are any; of which the series may have issued some by another format. A format that reads
-- columns may give one number two texts. And one where the series have issued texts before: what number a text has, and
-- so which is the newest, the journal says, and not the format.
CREATE OR REPLACE FUNCTION gapless.model_survey(
    OUT numbers bigint,
    OUT series  text[],
    OUT lasts   bigint[],
    OUT dates   timestamp[],
    OUT before  text[], -- the series of texts that tell no number
    OUT texts   text[], -- and they
    OUT fault   text
) RETURNS record
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    unsure boolean;
    untold boolean;
    told   text[]; -- if format
BEGIN
    WITH line AS (
        SELECT
            r.number AS value, -- unless format
            v.value, -- if format
            gapless.model_dated(r.input) AS dated, -- if chronology
            NULL::integer /*key*/ AS key,
            gapless.model_series(r.input) COLLATE "C" AS series
        FROM gapless.model AS r
        CROSS JOIN LATERAL gapless.model_read(r.number::pg_catalog.text, r.input) AS v (value) -- if format
        WHERE gapless.model_written(r.number) IS NOT NULL
        OFFSET 0 -- so that each is read once
    ), part AS (
        SELECT l.series, l.key, count(*) AS numbers, count(l.value) AS told,
            count(DISTINCT l.value) AS different, -- if varied
            max(l.value) AS last
        FROM line AS l
        GROUP BY l.series, l.key
    ), whole AS (
        SELECT p.series, sum(p.numbers) AS numbers, sum(p.told) AS told, max(p.last) AS last,
            p.series IS NULL OR count(*) > 1 OR bool_or(NOT p.key IS NOT NULL)
                OR bool_or(p.different < p.told) -- if varied
                AS unsure
        FROM part AS p
        GROUP BY p.series
    ), newest AS ( -- if chronology
        SELECT w.series, max(l.dated) AS dated FROM whole AS w JOIN line AS l ON l.series = w.series AND l.value = w.last GROUP BY w.series -- if chronology
    )
    SELECT
        array_agg(n.dated), -- if chronology
        NULL, -- unless chronology
        sum(w.numbers), array_agg(w.series), array_agg(w.last), bool_or(w.unsure), bool_or(w.told < w.numbers)
    INTO dates, numbers, series, lasts, unsure, untold
    FROM whole AS w
    LEFT JOIN newest AS n ON n.series = w.series -- if chronology
    ;
    told := series; -- if format
    IF EXISTS (SELECT FROM gapless.column_former_values(told, 1)) THEN -- if format
        SELECT array_agg(coalesce(n.last, u.last) ORDER BY u.i) -- if format
            , array_agg(n.dated ORDER BY u.i) -- if format if chronology
        INTO lasts -- if format
            , dates -- if format if chronology
        FROM unnest(told, lasts) WITH ORDINALITY AS u (name, last, i) -- if format
        LEFT JOIN ( -- if format
            SELECT s.series, max(coalesce(f.value, v.value)) AS last -- if format
                , (array_agg(gapless.model_dated(r.input) ORDER BY coalesce(f.value, v.value) DESC))[1] AS dated -- if format if chronology
            FROM gapless.model AS r -- if format
            CROSS JOIN LATERAL (SELECT gapless.model_series(r.input) COLLATE "C" AS series OFFSET 0) AS s -- if format
            CROSS JOIN LATERAL gapless.model_read(r.number::pg_catalog.text, r.input) AS v (value) -- if format
            LEFT JOIN gapless.column_former_values(told) AS f ON f.name = s.series AND f.number = r.number COLLATE "C" -- if format
            WHERE gapless.model_written(r.number) IS NOT NULL AND coalesce(f.value, v.value) IS NOT NULL -- if format
            GROUP BY s.series -- if format
        ) AS n ON n.series = u.name COLLATE "C"; -- if format
    END IF; -- if format
    IF untold THEN -- if format
        SELECT array_agg(gapless.model_series(r.input)), array_agg(r.number::text) -- if format
        INTO before, texts -- if format
        FROM gapless.model AS r -- if format
        CROSS JOIN LATERAL gapless.model_read(r.number::pg_catalog.text, r.input) AS v (value) -- if format
        WHERE gapless.model_written(r.number) IS NOT NULL AND v.value IS NULL; -- if format
    END IF; -- if format
    IF unsure THEN
        SELECT string_agg(w.fault, '; ' ORDER BY w.fault)
        INTO fault
        FROM (
            SELECT CASE
                WHEN s.series IS NULL THEN format('%s: its series is NULL', min(r.number::text))
                ELSE format('%s: %s rows of "%s" have it', min(r.number::text), count(*), s.series)
            END AS fault
            FROM gapless.model AS r
            CROSS JOIN LATERAL (SELECT gapless.model_series(r.input) COLLATE "C" AS series) AS s
            WHERE gapless.model_written(r.number) IS NOT NULL
            GROUP BY
                r.number, -- unless format
                r.number COLLATE "C", -- if format
                s.series
            HAVING s.series IS NULL OR count(*) > 1
            LIMIT 20
        ) AS w;
    END IF;
    told := CASE WHEN untold THEN series END; -- if format
    IF fault IS NULL AND (unsure OR untold AND EXISTS (SELECT FROM gapless.column_former_values(series, 1))) THEN -- if format
        SELECT string_agg(w.fault, '; ' ORDER BY w.fault) -- if format
        INTO fault -- if format
        FROM ( -- if format
            SELECT format('%s: %s rows of "%s" have %s', string_agg(r.number::text, ', ' ORDER BY r.number COLLATE "C"), count(*), s.series, coalesce(f.value, v.value)) AS fault -- if format
            FROM gapless.model AS r -- if format
            CROSS JOIN LATERAL (SELECT gapless.model_series(r.input) COLLATE "C" AS series OFFSET 0) AS s -- if format
            CROSS JOIN LATERAL gapless.model_read(r.number::pg_catalog.text, r.input) AS v (value) -- if format
            LEFT JOIN gapless.column_former_values(told) AS f ON f.name = s.series AND f.number = r.number COLLATE "C" -- if format
            WHERE gapless.model_written(r.number) IS NOT NULL AND coalesce(f.value, v.value) IS NOT NULL -- if format
            GROUP BY s.series, coalesce(f.value, v.value) -- if format
            HAVING count(*) > 1 -- if format
            LIMIT 20 -- if format
        ) AS w; -- if format
    END IF; -- if format
END;
$function$;

COMMENT ON FUNCTION gapless.model_survey IS
'Private, a model for attach_gapless. The numbers that the table has: how many, of each series the newest and its date, texts that tell no number, and, as a list for people, what cannot be taken over.';

REVOKE ALL ON FUNCTION gapless.model_survey FROM PUBLIC;
