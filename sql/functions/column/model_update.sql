-- It is long because it is every kind of column's; a copy has what its kind needs.
CREATE OR REPLACE FUNCTION gapless.model_update() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $function$
#variable_conflict use_variable
DECLARE
    series  text;
    origin  text; -- if moves
    value   bigint;
    written text; -- if format
    expected text; -- if at_commit
BEGIN
    IF TG_ARGV[0] = 'update' THEN -- not 'draft': the row has a number
        PERFORM gapless.column_check_names(TG_RELID, 'number', '{}'::name[] /*inputs*/);
        series := gapless.model_series(OLD.input);
        IF gapless.model_written(NEW.number) IS NULL AND gapless.model_series(NEW.input) COLLATE "C" <> series AND gapless.model_due(NEW.input) THEN -- if moves
            origin := series; -- if moves
            PERFORM gapless.column_lock_move(origin, gapless.model_series(NEW.input)); -- if moves
        END IF; -- if moves
        IF pg_catalog.record_image_ne(ROW(NEW.number), ROW(OLD.number))
            AND origin IS NULL -- if moves
        THEN
            value := gapless.column_noted('0' /*note*/, true); -- unless at_commit
            -- An upsert gives the number that the row would have had, had it been new.
            IF value IS NOT NULL AND NEW.number = gapless.model_text(value, NEW.input) AND gapless.column_entered(gapless.model_series(NEW.input), NULL, value) IS NULL THEN -- unless at_commit
                NEW.number := OLD.number; -- unless at_commit
                NEW.hash := OLD.hash; -- unless at_commit if chain
                NEW.previous := OLD.previous; -- unless at_commit if chain
            ELSE -- unless at_commit
                PERFORM gapless.column_refuse('changed', 0 /*target*/, 'number', series, OLD.number::text);
            END IF; -- unless at_commit
        END IF;
        PERFORM gapless.column_check_series(0 /*target*/, 'number', series, OLD.number::text
            , (SELECT r.value FROM gapless.model_read(OLD.number::pg_catalog.text, OLD.input) AS r (value)) -- if format
            , OLD.number -- unless format
            , NULL /*head*/
        ) WHERE series IS NOT NULL;
        IF origin IS NULL THEN -- if moves
        IF gapless.model_series(NEW.input) COLLATE "C" IS DISTINCT FROM series
            OR gapless.model_text(1 /*initial*/, NEW.input) COLLATE "C" IS DISTINCT FROM gapless.model_text(1 /*initial*/, OLD.input) -- if format
            OR gapless.model_dated(NEW.input) IS DISTINCT FROM gapless.model_dated(OLD.input) -- if chronology
        THEN
            PERFORM gapless.column_refuse('moved', 0 /*target*/, 'number', series, OLD.number::text);
        END IF;
        IF pg_catalog.record_image_ne(ROW(NEW.hash, NEW.previous), ROW(OLD.hash, OLD.previous)) THEN -- if chain
            PERFORM gapless.column_refuse('chained', 0 /*target*/, 'number', series, OLD.number::text); -- if chain
        ELSIF OLD.hash IS NOT NULL AND gapless.model_chain(NEW.number::pg_catalog.text /*number*/, NEW.input) IS DISTINCT FROM gapless.model_chain(OLD.number::pg_catalog.text /*number*/, OLD.input) THEN -- if chain
            PERFORM gapless.column_refuse('hashed', 0 /*target*/, 'number', series, OLD.number::text); -- if chain
        END IF; -- if chain
        RETURN NEW;
        END IF; -- if moves
    END IF;
    IF (current_setting('gapless.column_note_0' /*note*/, true) <> '') IS NOT TRUE THEN -- unless at_commit
    IF (current_setting('gapless.commit_column', true) = '0' /*attachment*/) IS NOT TRUE THEN -- if at_commit
        BEGIN
            IF num_nonnulls(NEW.number, NEW.input) < 0 OR gapless.column_named('gapless.model', 'number', '{}'::name[] /*inputs*/) IS DISTINCT FROM 0 /*target*/ THEN
                PERFORM gapless.column_check_guards(TG_RELID, 'number', '{}'::name[] /*inputs*/); -- or the table was renamed
            END IF;
        EXCEPTION WHEN undefined_column THEN
            PERFORM gapless.column_check_guards(TG_RELID, 'number', '{}'::name[] /*inputs*/);
        END;
    END IF; -- if at_commit
    END IF; -- unless at_commit
    IF gapless.model_written(NEW.number) IS NOT NULL THEN
        value := nullif(current_setting('gapless.commit_value', true), '')::bigint; -- if at_commit
        IF NEW.number = gapless.model_text(value, NEW.input) AND gapless.column_commits(0 /*attachment*/, gapless.model_series(NEW.input), value) THEN -- if at_commit
            NEW.previous := gapless.column_previous(0 /*target*/, 'number', gapless.model_series(NEW.input), value); -- if chain if at_commit
            NEW.hash := gapless.model_chain(NEW.number::pg_catalog.text /*number*/, NEW.input); -- if chain if at_commit
            PERFORM gapless.column_link(0 /*target*/, 'number', gapless.model_series(NEW.input), value, NEW.hash); -- if chain if at_commit
            PERFORM gapless.column_follow_move('take', gapless.model_series(NEW.input), NEW.number::text, gapless.model_dated(NEW.input), 0 /*member*/); -- if at_commit if partitioned
            RETURN NEW; -- if at_commit
        END IF; -- if at_commit
        value := gapless.column_noted('0' /*note*/, true); -- unless at_commit
        -- As above: an upsert of a draft, which is numbered here if it is due. -- unless at_commit
        IF value IS NOT NULL AND NEW.number = gapless.model_text(value, NEW.input) AND gapless.column_entered(gapless.model_series(NEW.input), NULL, value) IS NULL THEN -- unless at_commit
            NEW.number := OLD.number; -- unless at_commit
        ELSE -- unless at_commit
            PERFORM gapless.column_refuse('written', 0 /*target*/, 'number', gapless.model_series(NEW.input), NEW.number::text);
        END IF; -- unless at_commit
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = TG_RELID AND (c.relpersistence <> 'p' OR c.relkind = 'f')) THEN -- if partitioned
        PERFORM gapless.column_check_partition(TG_RELID); -- if partitioned
    END IF; -- if partitioned
    IF NOT gapless.model_due(NEW.input) IS TRUE THEN -- if condition
        IF current_setting('gapless.column_note_0' /*note*/, true) <> '' THEN -- if condition
            PERFORM gapless.column_settle_note('0' /*note*/); -- if condition
        END IF; -- if condition
        RETURN NEW; -- if condition
    END IF; -- if condition
    IF gapless.model_dated(NEW.input) IS NULL THEN -- if chronology
        PERFORM gapless.column_refuse('undated', 0 /*target*/, 'number', gapless.model_series(NEW.input), NULL); -- if chronology
    END IF; -- if chronology
    series := gapless.model_series(NEW.input);
    IF (pg_trigger_depth() > 1 AND current_setting('gapless.commit_column', true) = '0' /*attachment*/) IS NOT TRUE -- if at_commit
        AND origin IS NULL -- if at_commit if moves
    THEN -- if at_commit
        PERFORM gapless.column_refuse('unnamed', 0 /*target*/, 'number', NULL, NULL) WHERE series IS NULL; -- if at_commit
        expected := current_setting('gapless.commit_expected', true); -- if at_commit
        IF expected <> '' THEN -- if at_commit unless partitioned
            PERFORM gapless.column_note_first() WHERE expected <> '0='; -- if at_commit
            INSERT INTO gapless.waiting (attachment, names, keys) VALUES (0 /*attachment*/, ARRAY[series], ARRAY[ARRAY[NEW.key]::text]); -- if at_commit
            expected := set_config('gapless.commit_done_0' /*done*/, '', true); -- if at_commit
        ELSE -- if at_commit unless partitioned
            expected := set_config('gapless.commit_expected', '0' /*attachment*/ || '=' || series, true); -- if at_commit unless partitioned
            expected := set_config('gapless.commit_first', ARRAY[ARRAY[NEW.key]::text]::text, true); -- if at_commit unless partitioned
        END IF; -- if at_commit unless partitioned
        RETURN NEW; -- if at_commit
    END IF; -- if at_commit
    value := gapless.column_first_number(0 /*target*/, 'number', series, 1 /*initial*/, NULL, NULL, NULL /*head*/); -- if at_commit
    value := gapless.column_next_number(0 /*target*/, 'number', 1 /*initial*/, '0' /*note*/, 0, series, NULL /*head*/); -- unless at_commit
    written := gapless.model_text(value, NEW.input); -- if format
    IF written IS NULL OR length(written) > NULL::integer /*room*/ OR NULL::bigint /*check_from*/ <= value THEN -- if format
        PERFORM gapless.model_check_text(0 /*target*/, value, written, NEW.input); -- if format
    END IF; -- if format
    NEW.number := written; -- if format
    NEW.number := value; -- unless format
    NEW.previous := gapless.column_previous(0 /*target*/, 'number', series, value); -- if chain
    NEW.hash := gapless.model_chain(NEW.number::pg_catalog.text /*number*/, NEW.input); -- if chain
    PERFORM gapless.column_link(0 /*target*/, 'number', series, value, NEW.hash); -- if chain
    IF NOT gapless.column_enter_row(0 /*attachment*/, series, value, NULL, gapless.model_dated(NEW.input), NULL) THEN -- if at_commit unless format
        PERFORM gapless.column_enter(0 /*target*/, 'number', 1 /*initial*/, 0 /*attachment*/, series, value, NULL, gapless.model_dated(NEW.input), NULL /*head*/); -- if at_commit unless format
    END IF; -- if at_commit unless format
    PERFORM gapless.column_enter(0 /*target*/, 'number', 1 /*initial*/, 0 /*attachment*/, series, value, NEW.number, gapless.model_dated(NEW.input), NULL /*head*/); -- if at_commit if format
    PERFORM gapless.column_follow_move('take', series, NEW.number::text, gapless.model_dated(NEW.input), 0 /*member*/); -- if partitioned if at_commit
    PERFORM gapless.column_follow_move('issue', series, NEW.number::text, gapless.model_dated(NEW.input), 0 /*member*/); -- if partitioned unless at_commit
    IF origin IS NOT NULL THEN -- if moves
        PERFORM gapless.column_void_moved( -- if moves
            0 /*target*/, 'number', origin -- if moves
            , OLD.number, (SELECT r.value FROM gapless.model_read(OLD.number::pg_catalog.text, OLD.input) AS r (value)) -- if moves if format
            , NULL, OLD.number -- if moves unless format
            , (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each(to_jsonb(OLD)) AS e (key, value) WHERE e.key = ANY ('{}'::name[] /*inputs*/)) -- if moves
            , series, NEW.number::text -- if moves
        ); -- if moves
    END IF; -- if moves
    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION gapless.model_update IS
'Private, a model for attach_gapless: BEFORE UPDATE FOR EACH ROW. Keeps a number and what it is made of, and gives a draft that is issued its number.';

REVOKE ALL ON FUNCTION gapless.model_update FROM PUBLIC;
