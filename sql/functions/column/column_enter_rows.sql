CREATE OR REPLACE FUNCTION gapless.column_enter_rows(
    target        regclass,
    target_column name,
    initial       bigint,
    attachment    bigint,
    series        text[],      -- of each row
    taken         bigint[],    -- column_values
    texts         text[],      -- as they stand in the rows; or NULL
    dates         timestamp[]  -- for chronology; or NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    entered bigint;
    wrong   record;
BEGIN
    SELECT r.name, r.dated, r.before
    INTO wrong
    FROM (
        SELECT u.name, u.value, u.dated, lag(u.dated) OVER (PARTITION BY u.name COLLATE "C" ORDER BY u.value) AS before
        FROM unnest(series, taken, dates) AS u (name, value, dated)
    ) AS r
    WHERE dates IS NOT NULL AND r.before > r.dated
    LIMIT 1;
    IF FOUND THEN
        PERFORM gapless.column_refuse('chronology', target, target_column, wrong.name, format('%s after %s', wrong.dated, wrong.before));
    END IF;
    INSERT INTO gapless.journal (name, ordinal, first_value, last_value, dated, attachment, texts)
    SELECT g.name, coalesce(n.next_ordinal, 1) + (g.first - g.start), g.first, g.last, g.dated, column_enter_rows.attachment, g.texts
    FROM (
        -- A run for each date, so that a void leaves the date of what was before.
        SELECT
            u.name COLLATE "C" AS name,
            u.dated,
            min(u.value) AS first,
            max(u.value) AS last,
            min(min(u.value)) OVER (PARTITION BY u.name COLLATE "C") AS start,
            min(u.dated) OVER (PARTITION BY u.name COLLATE "C") AS oldest,
            CASE WHEN column_enter_rows.texts IS NOT NULL THEN array_agg(u.number ORDER BY u.value) END AS texts
        FROM unnest(series, taken, column_enter_rows.texts, dates) AS u (name, value, number, dated)
        GROUP BY u.name COLLATE "C", u.dated
    ) AS g
    JOIN gapless.sequence AS s
        ON s.name = g.name AND s.target = column_enter_rows.target AND s.target_column = column_enter_rows.target_column
    LEFT JOIN LATERAL gapless.newest_run(g.name) AS n ON true
    WHERE g.start = CASE WHEN n.last_value IS NULL THEN column_enter_rows.initial ELSE n.next_value END
        AND (n.dated > g.oldest AND gapless.column_date_floor(g.name) > g.oldest) IS NOT TRUE;
    GET DIAGNOSTICS entered = ROW_COUNT;
    IF entered < (SELECT count(*) FROM (SELECT DISTINCT u.name COLLATE "C", u.dated FROM unnest(series, dates) AS u (name, dated)) AS d) THEN
        FOR wrong IN
            SELECT u.name COLLATE "C" AS name, min(u.dated) AS dated, gapless.column_date_floor(u.name) AS before
            FROM unnest(series, dates) AS u (name, dated)
            GROUP BY u.name
        LOOP
            IF wrong.before > wrong.dated THEN
                PERFORM gapless.column_refuse('chronology', target, target_column, wrong.name, format('%s after %s', wrong.dated, wrong.before));
            END IF;
        END LOOP;
        PERFORM gapless.column_refuse('torn', target, target_column, series[1], NULL);
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_enter_rows IS
'Private, for the triggers of attach_gapless. Enters the numbers of all rows of a statement into the journal, a run for each sequence and date. Raises 23514 for a date before the predecessor''s, 40001 where the journal has gone on.';

REVOKE ALL ON FUNCTION gapless.column_enter_rows FROM PUBLIC;
