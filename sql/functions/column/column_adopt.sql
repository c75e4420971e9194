-- Locks the sequences in the order of their names.
CREATE OR REPLACE FUNCTION gapless.column_adopt(
    target        regclass,
    target_column name,
    names         text[],
    lasts         bigint[],
    dates         timestamp[], -- NULL without chronology
    before        text[], -- the sequences of texts that give no value
    texts         text[]  -- and they
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    made   text[];
    series record;
    newest record;
BEGIN
    -- Those that are new, in one go: there may be a hundred thousand.
    WITH made_now AS (
        INSERT INTO gapless.sequence (name, adoptions, target, target_column)
        SELECT u.name, CASE WHEN u.last IS NULL THEN 0 ELSE 1 END, column_adopt.target, column_adopt.target_column
        FROM unnest(names, lasts) AS u (name, last)
        ORDER BY u.name COLLATE "C"
        ON CONFLICT DO NOTHING
        RETURNING name
    )
    SELECT coalesce(array_agg(m.name), '{}') INTO made FROM made_now AS m;
    INSERT INTO gapless.known_text (name, number)
    SELECT u.name, u.number
    FROM unnest(before, texts) AS u (name, number)
    EXCEPT
    SELECT j.name, u.number -- the column was attached before
    FROM gapless.journal AS j
    CROSS JOIN LATERAL unnest(j.texts) AS u (number)
    WHERE j.name = ANY (SELECT b.name COLLATE "C" FROM unnest(before) AS b (name))
    ON CONFLICT DO NOTHING;
    INSERT INTO gapless.journal (name, ordinal, first_value, last_value, kind, dated)
    SELECT u.name, 1, u.last, u.last, 'adopted', u.dated
    FROM unnest(names, lasts, dates) AS u (name, last, dated)
    JOIN unnest(made) AS m (name) ON m.name COLLATE "C" = u.name COLLATE "C"
    WHERE u.last IS NOT NULL
    ORDER BY u.name COLLATE "C";

    FOR series IN
        SELECT u.name, u.last, u.dated
        FROM unnest(names, lasts, dates) AS u (name, last, dated)
        LEFT JOIN unnest(made) AS m (name) ON m.name COLLATE "C" = u.name COLLATE "C"
        WHERE m.name IS NULL
        ORDER BY u.name COLLATE "C"
    LOOP
        PERFORM gapless.lock_or_make_sequence(series.name, false);
        PERFORM gapless.column_claim_sequence(target, target_column, series.name);
        -- Dates of an earlier chronology may be of another kind.
        UPDATE gapless.journal AS j
        SET dated = NULL
        WHERE j.name = series.name COLLATE "C" AND j.dated IS NOT NULL;
        SELECT n.last_value, n.next_ordinal
        INTO newest
        FROM gapless.newest_run(series.name) AS n;
        CONTINUE WHEN series.last IS NULL;
        UPDATE gapless.sequence AS s
        SET adoptions = s.adoptions + CASE WHEN newest.last_value >= series.last THEN 0 ELSE 1 END
        WHERE s.name = series.name COLLATE "C";
        IF newest.last_value > series.last THEN
            RAISE WARNING 'sequence "%" is at %, but the newest row of column "%" of table % has %: the audit will show the rest as a hole',
                series.name, newest.last_value, target_column, target, series.last;
        ELSIF newest.last_value = series.last THEN
            UPDATE gapless.journal AS j
            SET dated = series.dated
            WHERE j.name = series.name COLLATE "C" AND j.last_value = series.last; -- one row: values rise
        ELSE
            INSERT INTO gapless.journal (name, ordinal, first_value, last_value, kind, dated)
            VALUES (
                series.name,
                coalesce(newest.next_ordinal, 1),
                series.last,
                series.last,
                'adopted',
                series.dated
            );
        END IF;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.column_adopt IS
'Private, for attach_gapless. Makes sequences a column''s own, each moved forward to the newest number that the column has of it. Locks them until the transaction ends. Raises 55000 where one is another column''s.';

REVOKE ALL ON FUNCTION gapless.column_adopt FROM PUBLIC;
