-- Locks the sequences in the order of their names. It is long because its one statement is.
CREATE OR REPLACE FUNCTION gapless.column_adopt(
    target        regclass,
    target_column name,
    names         text[],
    lasts         bigint[],
    dates         timestamp[], -- NULL without chronology
    before        text[], -- the sequences of texts that give no value
    texts         text[], -- and they
    head          regclass DEFAULT NULL, -- the column whose series it shares; NULL: its own
    head_column   name     DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    made   text[];
    series record;
BEGIN
    -- Those that are new, in one go: there may be a hundred thousand.
    WITH made_now AS (
        INSERT INTO gapless.sequence_lock (name, adoptions, target, target_column)
        SELECT u.name, CASE WHEN u.last IS NULL THEN 0 ELSE 1 END, coalesce(head, column_adopt.target), coalesce(head_column, column_adopt.target_column)
        FROM unnest(names, lasts) AS u (name, last)
        ORDER BY u.name COLLATE "C"
        ON CONFLICT DO NOTHING
        RETURNING name
    )
    SELECT coalesce(array_agg(m.name), '{}') INTO made FROM made_now AS m;
    IF texts IS NOT NULL THEN
        INSERT INTO gapless.known_text (name, number)
        SELECT u.name, u.number
        FROM unnest(before, texts) AS u (name, number)
        EXCEPT
        SELECT j.name, u.number -- the column was attached before
        FROM gapless.journal AS j
        CROSS JOIN LATERAL unnest(j.texts) AS u (number)
        WHERE j.name = ANY (SELECT b.name COLLATE "C" FROM unnest(before) AS b (name))
        ON CONFLICT DO NOTHING;
    END IF;
    INSERT INTO gapless.journal (name, ordinal, first_value, last_value, kind, dated)
    SELECT u.name, 1, u.last, u.last, 'adopted', u.dated
    FROM unnest(names, lasts, dates) AS u (name, last, dated)
    JOIN unnest(made) AS m (name) ON m.name COLLATE "C" = u.name COLLATE "C"
    WHERE u.last IS NOT NULL
    ORDER BY u.name COLLATE "C";

    FOR series IN
        SELECT u.name
        FROM unnest(names) AS u (name)
        LEFT JOIN unnest(made) AS m (name) ON m.name COLLATE "C" = u.name COLLATE "C"
        WHERE m.name IS NULL
        ORDER BY u.name COLLATE "C"
    LOOP
        PERFORM gapless.lock_or_make_sequence(series.name, false);
        PERFORM gapless.check_not_attached(series.name, true)
        WHERE NOT EXISTS (SELECT FROM gapless.sequence_lock AS s WHERE s.name = series.name COLLATE "C" AND s.target = head AND s.target_column = head_column);
    END LOOP;
    FOR series IN
        SELECT u.name, u.last, u.dated, newest.last_value, newest.next_ordinal, journal.cycled, journal.dated AS was_dated,
            coalesce(q.target = head AND q.target_column = head_column, false) AS shared -- with columns whose numbers are the journal's
        FROM unnest(names, lasts, dates) AS u (name, last, dated)
        LEFT JOIN unnest(made) AS m (name) ON m.name COLLATE "C" = u.name COLLATE "C"
        LEFT JOIN LATERAL gapless.last_run(u.name) AS newest ON true
        LEFT JOIN gapless.sequence_lock AS q ON q.name = u.name COLLATE "C"
        CROSS JOIN LATERAL (
            SELECT bool_or(j.first_value <= j.before) AS cycled, bool_or(j.dated IS NOT NULL) AS dated
            FROM (
                SELECT j.first_value, lag(j.last_value) OVER (ORDER BY j.ordinal) AS before, j.dated
                FROM gapless.journal AS j
                WHERE j.name = u.name COLLATE "C"
            ) AS j
        ) AS journal
        WHERE m.name IS NULL
        ORDER BY u.name COLLATE "C"
    LOOP
        IF series.cycled THEN
            PERFORM gapless.column_claim_sequence(target, target_column, series.name); -- raises
        END IF;
        UPDATE gapless.sequence_lock AS s
        SET target = coalesce(head, column_adopt.target),
            target_column = coalesce(head_column, column_adopt.target_column),
            adoptions = s.adoptions + CASE WHEN series.last_value >= series.last OR series.last IS NULL THEN 0 ELSE 1 END
        WHERE s.name = series.name COLLATE "C";
        -- Dates of an earlier chronology may be of another kind.
        IF series.was_dated AND NOT series.shared THEN
            UPDATE gapless.journal AS j
            SET dated = NULL
            WHERE j.name = series.name COLLATE "C" AND j.dated IS NOT NULL;
        END IF;
        IF series.last_value > series.last AND NOT series.shared THEN
            RAISE WARNING 'sequence "%" is at %, but the newest row of column "%" of table % has %: the audit will show the rest as a hole',
                series.name, series.last_value, target_column, target, series.last;
        END IF;
        IF series.last_value >= series.last AND series.dated IS NOT NULL THEN
            UPDATE gapless.journal AS j
            SET dated = series.dated
            WHERE NOT series.shared
                AND j.name = series.name COLLATE "C"
                AND j.ordinal = (SELECT max(n.ordinal) FROM gapless.journal AS n WHERE n.name = series.name COLLATE "C" AND n.kind <> 'closed');
        ELSIF series.last_value IS NULL OR series.last_value < series.last THEN
            PERFORM gapless.begin_at(series.name, 1) WHERE series.last IS NOT NULL; -- raises where it is closed
            INSERT INTO gapless.journal (name, ordinal, first_value, last_value, kind, dated)
            SELECT series.name, coalesce(series.next_ordinal, 1), series.last, series.last, 'adopted', series.dated
            WHERE series.last IS NOT NULL;
        END IF;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.column_adopt IS
'Private, for attach_gapless. Makes sequences a column''s own, each moved forward to the newest number that the column has of it. Locks them until the transaction ends. Raises 55000 where one is another column''s, or closed and behind the column.';

REVOKE ALL ON FUNCTION gapless.column_adopt FROM PUBLIC;
