CREATE OR REPLACE FUNCTION gapless.model_issue() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $function$
#variable_conflict use_variable
DECLARE
    value bigint; -- unless at_commit
BEGIN
    IF TG_OP = 'UPDATE' AND ( -- if moves
        gapless.model_written(OLD.number) IS NULL AND gapless.model_written(NEW.number) IS NULL -- if moves
        OR NOT pg_catalog.record_image_ne(ROW(NEW.number), ROW(OLD.number)) AND gapless.model_series(NEW.input) COLLATE "C" IS NOT DISTINCT FROM gapless.model_series(OLD.input) -- if moves
    ) THEN -- if moves
        RETURN NULL; -- if moves
    END IF; -- if moves
    -- A trigger that fires after those that number can have changed a number.
    IF TG_OP = 'UPDATE' AND gapless.model_written(OLD.number) IS NOT NULL
        AND ( -- if moves
            gapless.model_series(NEW.input) COLLATE "C" <> gapless.model_series(OLD.input) -- if moves
            AND gapless.column_entered(gapless.model_series(NEW.input) -- if moves if at_commit
                , NEW.number, NULL -- if moves if at_commit if format
                , NULL, NEW.number -- if moves if at_commit unless format
            ) IS NOT NULL -- if moves if at_commit
            AND gapless.column_is_void(gapless.model_series(OLD.input) -- if moves
                , OLD.number, (SELECT r.value FROM gapless.model_read(OLD.number::pg_catalog.text, OLD.input) AS r (value)) -- if moves if format
                , NULL, OLD.number -- if moves unless format
            ) -- if moves
        ) IS NOT TRUE -- if moves
    THEN
        PERFORM gapless.column_refuse('changed', 0 /*target*/, 'number', gapless.model_series(OLD.input), OLD.number::text);
    END IF;
    IF TG_OP = 'INSERT' AND gapless.column_follow_move('arrived', gapless.model_series(NEW.input), NEW.number::text, NULL, 0 /*member*/) THEN -- if partitioned
        PERFORM gapless.column_refuse('unchained', 0 /*target*/, 'number', gapless.model_series(NEW.input), NEW.number::text) -- if partitioned if chain
        WHERE NEW.hash IS NOT NULL AND NEW.hash IS DISTINCT FROM gapless.model_chain(NEW.number::pg_catalog.text /*number*/, NEW.input) -- if partitioned if chain
            OR NOT gapless.column_linked(gapless.model_series(NEW.input), NEW.number, NEW.hash) -- if partitioned if chain unless format
            OR NOT gapless.column_linked(gapless.model_series(NEW.input), (SELECT r.value FROM gapless.model_read(NEW.number::pg_catalog.text, NEW.input) AS r (value)), NEW.hash) -- if partitioned if chain if format
        ; -- if partitioned if chain
        RETURN NULL; -- if partitioned
    END IF; -- if partitioned
    IF current_setting('gapless.column_written_0' /*written*/, true) <> '' AND NEW.number::text = ANY (nullif(current_setting('gapless.column_written_0' /*written*/, true), '')::text[]) THEN -- if partitioned
        PERFORM set_config('gapless.column_written_0' /*written*/, '', true); -- if partitioned
        PERFORM gapless.column_refuse('written', 0 /*target*/, 'number', gapless.model_series(NEW.input), NEW.number::text); -- if partitioned
    END IF; -- if partitioned
    IF TG_OP = 'INSERT' THEN -- if at_commit
        PERFORM gapless.column_refuse('written', 0 /*target*/, 'number', gapless.model_series(NEW.input), NEW.number::text); -- if at_commit
    END IF; -- if at_commit
    PERFORM gapless.column_refuse('written', 0 /*target*/, 'number', gapless.model_series(NEW.input), NEW.number::text) WHERE gapless.model_due(NEW.input) IS NOT TRUE; -- if condition if partitioned unless at_commit
    PERFORM gapless.column_refuse('written', 0 /*target*/, 'number', gapless.model_series(NEW.input), NEW.number::text) WHERE gapless.model_dated(NEW.input) IS NULL; -- if chronology if partitioned unless at_commit
    value := (gapless.column_values(0 /*target*/, 'number', 1 /*initial*/, ARRAY[gapless.model_series(NEW.input)], NULL /*head*/))[1]; -- if format unless at_commit
    value := NEW.number; -- unless format unless at_commit
    IF NOT ( -- unless at_commit
        gapless.model_text(value, NEW.input) IS NOT DISTINCT FROM NEW.number AND -- if format unless at_commit
        gapless.column_enter_row(0 /*attachment*/, gapless.model_series(NEW.input), value -- unless at_commit
            , NEW.number -- if format unless at_commit
            , NULL -- unless format unless at_commit
            , gapless.model_dated(NEW.input), NULL) -- unless at_commit
    ) THEN -- unless at_commit
        PERFORM gapless.model_enter(0 /*target*/, NEW.number::pg_catalog.text /*number*/, NEW.input); -- unless at_commit
    END IF; -- unless at_commit
    PERFORM gapless.column_refuse('unchained', 0 /*target*/, 'number', gapless.model_series(NEW.input), NEW.number::text) -- if chain
    WHERE NEW.hash IS DISTINCT FROM gapless.model_chain(NEW.number::pg_catalog.text /*number*/, NEW.input) -- if chain
        OR NOT gapless.column_linked(gapless.model_series(NEW.input), value, NEW.hash) -- if chain unless format unless at_commit
        OR NOT gapless.column_linked(gapless.model_series(NEW.input), gapless.column_entered(gapless.model_series(NEW.input), NEW.number, NULL), NEW.hash) -- if chain if format unless at_commit
    ; -- if chain
    PERFORM gapless.column_follow_move('stay', gapless.model_series(NEW.input), NEW.number::text, NULL, 0 /*member*/) WHERE TG_OP = 'UPDATE'; -- if partitioned
    PERFORM gapless.column_settle_note('0' /*note*/); -- unless at_commit
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION gapless.model_issue IS
'Private, a model for attach_gapless: AFTER UPDATE, and in partitions AFTER INSERT, FOR EACH ROW. Enters a row''s number into the journal.';

REVOKE ALL ON FUNCTION gapless.model_issue FROM PUBLIC;
