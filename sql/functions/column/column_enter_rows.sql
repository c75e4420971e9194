-- A run for each date, so that a void leaves the date of what was before. All or none, so that who is told no can enter
-- the rows one by one.
CREATE OR REPLACE FUNCTION gapless.column_enter_rows(
    target        regclass,
    target_column name,
    initial       bigint,
    attachment    bigint,
    series        text[],      -- of each row
    taken         bigint[],    -- its number
    texts         text[],      -- as they stand in the rows; or NULL
    dates         timestamp[]  -- for chronology; or NULL
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
BEGIN
    WITH run AS MATERIALIZED (
        SELECT
            g.*,
            n.next_ordinal,
            min(g.first) OVER sequence AS start,
            s.name IS NOT NULL
                AND min(g.first) OVER sequence = CASE WHEN n.last_value IS NULL THEN gapless.begin_at(g.name, column_enter_rows.initial) ELSE n.next_value END
                AND g.last - g.first = g.rows - 1
                AND g.first - min(g.first) OVER sequence = sum(g.rows) OVER (sequence ORDER BY g.dated) - g.rows
                AND CASE WHEN n.dated > g.dated THEN gapless.column_date_floor(g.name) <= g.dated ELSE true END AS right
        FROM (
            SELECT u.name, u.dated, min(u.value) AS first, max(u.value) AS last, count(*) AS rows, array_agg(u.number ORDER BY u.value) FILTER (WHERE texts IS NOT NULL) AS texts
            FROM (
                SELECT u.name COLLATE "C" AS name, u.dated, u.value, min(u.number) AS number
                FROM unnest(series, taken, texts, dates) AS u (name, value, number, dated)
                GROUP BY 1, 2, 3
            ) AS u
            GROUP BY u.name, u.dated
        ) AS g
        LEFT JOIN gapless.sequence AS s
            ON s.name = g.name AND s.target = column_enter_rows.target AND s.target_column = column_enter_rows.target_column
        LEFT JOIN LATERAL gapless.newest_run(g.name) AS n ON true
        WINDOW sequence AS (PARTITION BY g.name)
    )
    INSERT INTO gapless.journal (name, ordinal, first_value, last_value, dated, attachment, texts)
    SELECT r.name, coalesce(r.next_ordinal, 1) + (r.first - r.start), r.first, r.last, r.dated, column_enter_rows.attachment, r.texts
    FROM run AS r
    WHERE (SELECT bool_and(r.right IS TRUE) AND sum(r.rows) = cardinality(series) FROM run AS r);
    RETURN FOUND;
END;
$function$;

COMMENT ON FUNCTION gapless.column_enter_rows IS
'Private, for the triggers of attach_gapless. Enters the numbers of all rows of a statement into the journal, a run for each sequence and date, if they are the next ones in the order of the dates, and returns whether it has.';

REVOKE ALL ON FUNCTION gapless.column_enter_rows FROM PUBLIC;
