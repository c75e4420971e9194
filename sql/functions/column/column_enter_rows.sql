-- A run for each date, so that a void leaves the date of what was before. All or none, so that who is told no can enter
-- the rows one by one; but for rows of sequences with ranges, of which those before a refused one may be entered.
CREATE OR REPLACE FUNCTION gapless.column_enter_rows(
    target        regclass,
    target_column name,
    initial       bigint,
    attachment    bigint,      -- negative for rows of one range, which are the next ones
    series        text[],      -- of each row
    taken         bigint[],    -- its number
    texts         text[],      -- as they stand in the rows; or NULL
    dates         timestamp[], -- for chronology; or NULL
    head          regclass DEFAULT NULL, -- the column whose series it shares; NULL: its own
    head_column   name     DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    part record;
BEGIN
    IF cardinality(series) = 1 AND EXISTS (
        SELECT FROM gapless.sequence_lock AS s
        WHERE s.name = series[1] COLLATE "C" AND s.target = coalesce(head, column_enter_rows.target) AND s.target_column = coalesce(head_column, column_enter_rows.target_column) AND s.bounded
    ) THEN
        IF (gapless.range_pass(series[1])).value = taken[1] THEN
            PERFORM gapless.column_enter(target, target_column, initial, attachment, series[1], taken[1], texts[1], dates[1], head, head_column);
            RETURN true;
        END IF;
        RETURN false;
    END IF;
    WITH run AS MATERIALIZED (
        SELECT
            g.*,
            n.next_ordinal,
            min(g.first) OVER sequence AS start,
            s.bounded = (column_enter_rows.attachment < 0)
                AND min(g.first) OVER sequence = CASE
                    WHEN n.last_value IS NOT NULL THEN n.next_value
                    WHEN s.bounded THEN gapless.column_step(g.name, NULL, 0)
                    ELSE gapless.begin_at(g.name, column_enter_rows.initial)
                END
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
        LEFT JOIN gapless.sequence_lock AS s
            ON s.name = g.name AND s.target = coalesce(head, column_enter_rows.target) AND s.target_column = coalesce(head_column, column_enter_rows.target_column)
        LEFT JOIN LATERAL gapless.newest_run(g.name) AS n ON true
        WINDOW sequence AS (PARTITION BY g.name)
    )
    INSERT INTO gapless.journal (name, ordinal, first_value, last_value, dated, attachment, texts)
    SELECT r.name, coalesce(r.next_ordinal, 1) + (r.first - r.start), r.first, r.last, r.dated, column_enter_rows.attachment, r.texts
    FROM run AS r
    WHERE (SELECT bool_and(r.right IS TRUE) AND sum(r.rows) = cardinality(series) FROM run AS r);
    IF FOUND OR attachment < 0 OR NOT EXISTS (SELECT FROM gapless.sequence_lock AS s WHERE s.name = ANY (series) AND s.bounded) THEN
        RETURN FOUND;
    END IF;

    FOR part IN
        SELECT u.name, s.bounded, array_agg(u.name ORDER BY u.value) AS series, array_agg(u.value ORDER BY u.value) AS taken,
            array_agg(u.number ORDER BY u.value) FILTER (WHERE texts IS NOT NULL) AS texts, array_agg(u.dated ORDER BY u.value) FILTER (WHERE dates IS NOT NULL) AS dates
        FROM unnest(series, taken, texts, dates) AS u (name, value, number, dated)
        JOIN gapless.sequence_lock AS s ON s.name = u.name COLLATE "C"
        LEFT JOIN gapless.number_range AS r ON r.name = s.name AND r.first_value <= u.value AND r.last_value >= u.value
        GROUP BY u.name, s.bounded, r.first_value
        ORDER BY u.name COLLATE "C", min(u.value)
    LOOP
        PERFORM gapless.range_pass(part.name) WHERE part.bounded;
        IF NOT gapless.column_enter_rows(target, target_column, initial, CASE WHEN part.bounded AND cardinality(part.series) > 1 THEN -attachment ELSE attachment END, part.series, part.taken, part.texts, part.dates, head, head_column) THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END;
$function$;

COMMENT ON FUNCTION gapless.column_enter_rows IS
'Private, for the triggers of attach_gapless. Enters the numbers of all rows of a statement into the journal, a run for each sequence and date, if they are the next ones in the order of the dates, and returns whether it has.';

REVOKE ALL ON FUNCTION gapless.column_enter_rows FROM PUBLIC;
