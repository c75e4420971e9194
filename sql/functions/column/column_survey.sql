-- One pass over the rows, whatever is asked.
CREATE OR REPLACE FUNCTION gapless.column_survey(
    rows        text,    -- where they are, as an item of FROM
    may_repeat  boolean, -- no index sees to it that a series has each number once
    chronology  boolean,
    OUT numbers bigint,
    OUT faulty  boolean, -- a series is NULL, or has a number twice
    OUT series  text[],
    OUT lasts   bigint[],
    OUT dates   timestamp[], -- NULL without chronology
    OUT before  text[],      -- the series of texts that give no value
    OUT texts   text[]       -- and they
) RETURNS record
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    EXECUTE format(
        $query$
        WITH row AS (
            SELECT r.series COLLATE "C" AS series, r.number COLLATE "C" AS number, %1$s
            FROM %2$s
            %3$s
        ), series AS MATERIALIZED (
            SELECT r.series, sum(r.times) AS numbers, max(r.times) AS most, max(r.value) AS last, array_agg(r.number) FILTER (WHERE r.value IS NULL) AS texts
            FROM row AS r
            GROUP BY r.series
        ), newest AS (%4$s)
        SELECT sum(s.numbers), bool_or(s.series IS NULL OR s.most > 1), array_agg(s.series), array_agg(s.last), array_agg(n.dated), t.before, t.texts
        FROM series AS s
        LEFT JOIN newest AS n ON n.series = s.series
        CROSS JOIN (
            SELECT array_agg(b.series) AS before, array_agg(u.text) AS texts
            FROM series AS b
            CROSS JOIN LATERAL unnest(b.texts) AS u (text)
        ) AS t
        GROUP BY t.before, t.texts
        $query$,
        CASE WHEN may_repeat THEN 'min(r.value) AS value, max(r.dated) AS dated, count(*) AS times' ELSE 'r.value, r.dated, 1 AS times' END,
        rows,
        CASE WHEN may_repeat THEN 'GROUP BY 1, 2' END,
        CASE
            WHEN chronology THEN 'SELECT s.series, max(r.dated) AS dated FROM series AS s JOIN row AS r ON r.series = s.series AND r.value = s.last GROUP BY 1'
            ELSE 'SELECT NULL::text AS series, NULL::timestamp AS dated WHERE false'
        END
    ) INTO numbers, faulty, series, lasts, dates, before, texts;
END;
$function$;

COMMENT ON FUNCTION gapless.column_survey IS
'Private, for attach_gapless. What the rows of a table have: how many numbers, and of each series the newest, with its date, and the texts that tell no number. NULL where there are none.';

REVOKE ALL ON FUNCTION gapless.column_survey FROM PUBLIC;
