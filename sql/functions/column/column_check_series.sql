-- A column's sequence does not cycle, and has no hole: so its ends tell which numbers it has.
CREATE OR REPLACE FUNCTION gapless.column_check_series(
    target        regclass,
    target_column name,
    name          text,  -- that the expression gives now
    number        text,  -- as it stands in the row
    value         bigint, -- NULL where the text does not tell
    head          regclass DEFAULT NULL, -- the column whose series it shares; NULL: its own
    head_column   name     DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
BEGIN
    IF EXISTS (
        SELECT
        FROM gapless.newest_run(column_check_series.name) AS newest
        CROSS JOIN LATERAL (
            SELECT j.first_value, j.kind
            FROM gapless.journal AS j
            WHERE j.name = column_check_series.name COLLATE "C"
            ORDER BY j.ordinal
            LIMIT 1
        ) AS oldest
        WHERE (column_check_series.value > newest.last_value OR column_check_series.value < oldest.first_value AND oldest.kind = 'issued') IS NOT TRUE
    ) OR EXISTS (
        SELECT FROM gapless.known_text AS k WHERE k.name = column_check_series.name COLLATE "C" AND k.number = column_check_series.number COLLATE "C"
    ) THEN
        RETURN;
    ELSIF EXISTS ( -- or else it was never issued
        SELECT
        FROM gapless.sequence_lock AS s
        CROSS JOIN LATERAL gapless.newest_run(s.name) AS n
        WHERE s.target = coalesce(head, column_check_series.target) AND s.target_column = coalesce(head_column, column_check_series.target_column)
            AND s.name <> column_check_series.name COLLATE "C" AND (n.last_value < column_check_series.value) IS NOT TRUE
    ) THEN
        PERFORM gapless.column_refuse('reseried', target, target_column, column_check_series.name, column_check_series.number);
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_check_series IS
'Private, for the triggers of attach_gapless. Raises 55000 where the series that the expression name gives for a numbered row has not issued its number, and another one of the column may have.';

REVOKE ALL ON FUNCTION gapless.column_check_series FROM PUBLIC;
