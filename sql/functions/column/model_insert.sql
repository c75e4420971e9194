CREATE OR REPLACE FUNCTION gapless.model_insert() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $function$
#variable_conflict use_variable
DECLARE
    value   bigint;
    written text; -- if format
BEGIN
    IF (current_setting('gapless.column_note_0' /*note*/, true) <> '') IS NOT TRUE THEN -- once a statement
        BEGIN
            IF num_nonnulls(NEW.number, NEW.input) < 0 OR gapless.column_named('gapless.model', 'number', '{}'::name[] /*inputs*/) IS DISTINCT FROM 0 /*target*/ THEN
                PERFORM gapless.column_check_guards(TG_RELID, 'number', '{}'::name[] /*inputs*/); -- or the table was renamed
            END IF;
        EXCEPTION WHEN undefined_column THEN
            PERFORM gapless.column_check_guards(TG_RELID, 'number', '{}'::name[] /*inputs*/);
        END;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = TG_RELID AND (c.relpersistence <> 'p' OR c.relkind = 'f')) THEN -- if partitioned
        PERFORM gapless.column_check_partition(TG_RELID); -- if partitioned
    END IF; -- if partitioned
    IF gapless.model_written(NEW.number) IS NOT NULL THEN
        PERFORM gapless.column_settle_note('0' /*note*/); -- if partitioned
        -- By hand: refused when it arrives, since an upsert may find its row. Or it comes from another partition.
        IF NOT gapless.column_follow_move('arrive', gapless.model_series(NEW.input), NEW.number::text, gapless.model_dated(NEW.input), 0 /*member*/) THEN -- if partitioned
            PERFORM set_config('gapless.column_written_0' /*written*/, array_append(nullif(current_setting('gapless.column_written_0' /*written*/, true), '')::text[], NEW.number::text)::text, true);
        END IF; -- if partitioned
        RETURN NEW;
    END IF;
    IF NOT gapless.model_due(NEW.input) IS TRUE THEN -- if condition
        IF current_setting('gapless.column_note_0' /*note*/, true) <> '' THEN -- if condition
            PERFORM gapless.column_settle_note('0' /*note*/); -- if condition
        END IF; -- if condition
        RETURN NEW; -- if condition
    END IF; -- if condition
    IF gapless.model_dated(NEW.input) IS NULL THEN -- if chronology
        PERFORM gapless.column_refuse('undated', 0 /*target*/, 'number', gapless.model_series(NEW.input), NULL); -- if chronology
    END IF; -- if chronology
    IF current_setting('gapless.column_note_0' /*note*/, true) <> '' OR current_setting('gapless.column_switched', true) <> '' THEN -- not the first row of the statement
        value := gapless.column_next_number(0 /*target*/, 'number', 1 /*initial*/, '0' /*note*/, TG_RELID, gapless.model_series(NEW.input), NULL /*head*/);
    ELSE
        value := gapless.column_first_number(0 /*target*/, 'number', gapless.model_series(NEW.input), 1 /*initial*/, '0' /*note*/, TG_RELID, NULL /*head*/);
    END IF;
    written := gapless.model_text(value, NEW.input); -- if format
    IF written IS NULL OR length(written) > NULL::integer /*room*/ OR NULL::bigint /*check_from*/ <= value THEN -- if format
        PERFORM gapless.model_check_text(0 /*target*/, value, written, NEW.input); -- if format
    END IF; -- if format
    NEW.number := written; -- if format
    NEW.number := value; -- unless format
    NEW.previous := gapless.column_previous(0 /*target*/, 'number', gapless.model_series(NEW.input), value); -- if chain
    NEW.hash := gapless.model_chain(NEW.number::pg_catalog.text /*number*/, NEW.input); -- if chain
    PERFORM gapless.column_link(0 /*target*/, 'number', gapless.model_series(NEW.input), value, NEW.hash); -- if chain
    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION gapless.model_insert IS
'Private, a model for attach_gapless: BEFORE INSERT FOR EACH ROW. Gives a row its number; model_arrive enters those that arrive.';

REVOKE ALL ON FUNCTION gapless.model_insert FROM PUBLIC;
