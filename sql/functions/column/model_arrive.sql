CREATE OR REPLACE FUNCTION gapless.model_arrive() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $function$
#variable_conflict use_variable
DECLARE
    ending CONSTANT text := CASE WHEN current_setting('gapless.column_switched', true) = 'on' THEN NULL ELSE '0' /*note*/ END;
    row    record;
    other  record;
    value  bigint; -- if format
    series text[];
    texts  text[];
    dates  timestamp[];
    names  text[]; -- if format
    taken  bigint[];
BEGIN
    value := gapless.column_noted('0' /*note*/, false); -- if format
    SELECT gapless.model_series(r.input) AS "~series", r.number, gapless.model_dated(r.input) AS "~dated", EXISTS (SELECT FROM inserted OFFSET 1) AS "~more"
        , value IS NOT NULL AND gapless.model_text(value, r.input) = r.number AS "~expected" -- if format
        , gapless.model_due(r.input) IS TRUE AS "~due" -- if condition
    INTO row
    FROM inserted AS r
    WHERE gapless.model_written(r.number) IS NOT NULL
    LIMIT 1;
    IF current_setting('gapless.column_written_0' /*written*/, true) <> '' THEN
        FOR other IN SELECT r.number, gapless.model_series(r.input) AS "~series" FROM inserted AS r WHERE r.number::text = ANY (nullif(current_setting('gapless.column_written_0' /*written*/, true), '')::text[]) LOOP
            PERFORM gapless.column_refuse('written', 0 /*target*/, 'number', other."~series", other.number::text);
        END LOOP;
        PERFORM set_config('gapless.column_written_0' /*written*/, '', true);
    ELSIF NOT row."~more"
        AND row."~due" -- if condition
        AND row."~dated" IS NOT NULL -- if chronology
        AND gapless.column_enter_row(0 /*attachment*/, row."~series", row.number, NULL, row."~dated", ending) -- unless format
        AND row."~expected" AND gapless.column_enter_row(0 /*attachment*/, row."~series", value, row.number, row."~dated", ending) -- if format
    THEN
        PERFORM gapless.column_refuse('unchained', 0 /*target*/, 'number', gapless.model_series(r.input), r.number::text) -- if chain
        FROM inserted AS r -- if chain
        WHERE gapless.model_written(r.number) IS NOT NULL -- if chain
            AND (r.hash IS DISTINCT FROM gapless.model_chain(r.number::pg_catalog.text /*number*/, r.input) -- if chain
            OR NOT gapless.column_linked(gapless.model_series(r.input), value, r.hash) -- if chain if format
            OR NOT gapless.column_linked(gapless.model_series(r.input), r.number, r.hash) -- if chain unless format
            ); -- if chain
        IF ending IS NULL THEN
            PERFORM gapless.column_settle_note('0' /*note*/);
        END IF;
        RETURN NULL;
    END IF;
    -- Whoever hides that a number was written by hand: what is numbered is due, and has a date. -- if condition
    PERFORM gapless.column_refuse('written', 0 /*target*/, 'number', gapless.model_series(r.input), r.number::text) -- if condition
    FROM inserted AS r -- if condition
    WHERE gapless.model_written(r.number) IS NOT NULL AND gapless.model_due(r.input) IS NOT TRUE; -- if condition
    PERFORM gapless.column_refuse('written', 0 /*target*/, 'number', gapless.model_series(r.input), r.number::text) -- if chronology
    FROM inserted AS r -- if chronology
    WHERE gapless.model_written(r.number) IS NOT NULL AND gapless.model_dated(r.input) IS NULL; -- if chronology
    SELECT array_agg(gapless.model_series(r.input))
        , array_agg(DISTINCT gapless.model_series(r.input) COLLATE "C"), array_agg(r.number) -- if format
        , array_agg(r.number) -- unless format
        , array_agg(gapless.model_dated(r.input)) -- if chronology
    INTO series
        , names, texts -- if format
        , taken -- unless format
        , dates -- if chronology
    FROM inserted AS r
    WHERE gapless.model_written(r.number) IS NOT NULL;
    IF series IS NOT NULL THEN
        taken := gapless.column_spread(series, names, gapless.column_values(0 /*target*/, 'number', 1 /*initial*/, names, NULL /*head*/)); -- if format
        -- Or rows of another statement stand between them, which this one runs in or which runs in it.
        IF NOT (
            NOT EXISTS ( -- if format
                SELECT -- if format
                FROM (SELECT r.*, row_number() OVER () AS "~i" FROM inserted AS r WHERE gapless.model_written(r.number) IS NOT NULL) AS r -- if format
                WHERE r.number IS DISTINCT FROM gapless.model_text(taken[r."~i"], r.input) -- if format
            ) AND -- if format
            gapless.column_enter_rows(0 /*target*/, 'number', 1 /*initial*/, 0 /*attachment*/, series, taken, texts, dates, NULL /*head*/)
        ) THEN
            FOR other IN SELECT r.* FROM inserted AS r WHERE gapless.model_written(r.number) IS NOT NULL LOOP
                PERFORM gapless.model_enter(0 /*target*/, other.number::pg_catalog.text /*number*/, other.input);
            END LOOP;
        END IF;
    END IF;
    PERFORM gapless.column_refuse('unchained', 0 /*target*/, 'number', gapless.model_series(r.input), r.number::text) -- if chain
    FROM (SELECT r.*, row_number() OVER () AS "~i" FROM inserted AS r WHERE gapless.model_written(r.number) IS NOT NULL) AS r -- if chain
    WHERE r.hash IS DISTINCT FROM gapless.model_chain(r.number::pg_catalog.text /*number*/, r.input) -- if chain
        OR NOT gapless.column_linked(gapless.model_series(r.input), r.number, r.hash) -- if chain unless format
        OR NOT gapless.column_linked(gapless.model_series(r.input), CASE -- if chain if format
            WHEN r.number = gapless.model_text(taken[r."~i"], r.input) THEN taken[r."~i"] -- if chain if format
            ELSE gapless.column_entered(gapless.model_series(r.input), r.number, NULL) -- if chain if format
        END, r.hash) -- if chain if format
    ; -- if chain
    PERFORM gapless.column_settle_note('0' /*note*/);
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION gapless.model_arrive IS
'Private, a model for attach_gapless: AFTER INSERT FOR EACH STATEMENT. Enters the numbers of the rows that arrived into the journal.';

REVOKE ALL ON FUNCTION gapless.model_arrive FROM PUBLIC;
