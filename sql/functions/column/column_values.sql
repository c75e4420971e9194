CREATE OR REPLACE FUNCTION gapless.column_values(
    target        regclass,
    target_column name,
    initial       bigint,
    series        text[] -- of each row
) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    stranger text;
    taken    bigint[];
BEGIN
    -- The rows' BEFORE triggers have the locks already, unless somebody wrote the numbers by hand.
    PERFORM FROM gapless.sequence AS s
    WHERE s.name IN (SELECT u.name COLLATE "C" FROM unnest(series) AS u (name))
        AND s.target = column_values.target
        AND s.target_column = column_values.target_column
    ORDER BY s.name
    FOR NO KEY UPDATE;
    SELECT u.name
    INTO stranger
    FROM (SELECT DISTINCT n.name COLLATE "C" AS name FROM unnest(series) AS n (name)) AS u
    LEFT JOIN gapless.sequence AS s
        ON s.name = u.name AND s.target = column_values.target AND s.target_column = column_values.target_column
    WHERE s.name IS NULL
    LIMIT 1;
    IF FOUND THEN
        PERFORM gapless.column_refuse('written', target, target_column, stranger, NULL);
    END IF;
    SELECT array_agg(CASE WHEN f.first::numeric + r.place - 1 < 9223372036854775808 THEN f.first + (r.place - 1) END ORDER BY r.i)
    INTO taken
    FROM (
        SELECT u.i, u.name COLLATE "C" AS name, row_number() OVER (PARTITION BY u.name COLLATE "C" ORDER BY u.i) AS place
        FROM unnest(series) WITH ORDINALITY AS u (name, i)
    ) AS r
    JOIN (
        SELECT d.name, CASE WHEN n.last_value IS NULL THEN column_values.initial ELSE n.next_value END AS first
        FROM (SELECT DISTINCT u.name COLLATE "C" AS name FROM unnest(series) AS u (name)) AS d
        LEFT JOIN LATERAL gapless.newest_run(d.name) AS n ON true
    ) AS f ON f.name = r.name;
    RETURN taken;
END;
$function$;

COMMENT ON FUNCTION gapless.column_values IS
'Private, for the triggers of attach_gapless. The numbers that the rows of a statement should have: those that follow the newest of each sequence, in the order of the rows. Locks the sequences until the transaction ends. Raises 428C9 where one is not the column''s.';

REVOKE ALL ON FUNCTION gapless.column_values FROM PUBLIC;
