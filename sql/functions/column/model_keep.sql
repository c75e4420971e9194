CREATE OR REPLACE FUNCTION gapless.model_keep() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $function$
#variable_conflict use_variable
DECLARE
    series text;
BEGIN
    IF TG_ARGV[0] = 'leave' THEN -- unless at_commit
        PERFORM gapless.column_settle_note('0' /*note*/); -- unless at_commit
        RETURN OLD; -- unless at_commit unless partitioned
    END IF; -- unless at_commit
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM gapless.column_check_names(TG_RELID, 'number', '{}'::name[] /*inputs*/);
        PERFORM gapless.column_refuse_truncate(TG_RELID, 0 /*target*/, 'number', NULL::text /*unnumbered*/);
        RETURN NULL;
    ELSIF TG_LEVEL = 'STATEMENT' THEN -- if partitioned
        IF gapless.column_follow_move(CASE TG_OP WHEN 'DELETE' THEN 'kept' ELSE 'lost' END, NULL, NULL, NULL) THEN -- if partitioned
            PERFORM gapless.column_refuse('suppressed', 0 /*target*/, 'number', NULL, NULL); -- if partitioned
        END IF; -- if partitioned
        PERFORM gapless.column_settle_note('0' /*note*/) WHERE TG_OP = 'INSERT'; -- if partitioned unless at_commit
        RETURN NULL; -- if partitioned
    ELSIF TG_ARGV[0] = 'kept_commit' THEN -- if partitioned if at_commit
        IF pg_partition_root(TG_RELID) IS DISTINCT FROM to_regclass('gapless.model') -- if partitioned if at_commit
            AND gapless.model_written(NEW.number) IS NULL -- if partitioned if at_commit
            AND gapless.model_due(NEW.input) -- if partitioned if at_commit
            AND gapless.column_has_left(TG_RELID, NEW.ctid) -- if partitioned if at_commit
        THEN -- if partitioned if at_commit
            PERFORM gapless.column_refuse('left', TG_RELID, 'number', NULL, NULL); -- if partitioned if at_commit
        END IF; -- if partitioned if at_commit
        RETURN NULL; -- if partitioned if at_commit
    END IF;
    -- A partition's own triggers are for what may happen to it after it was detached. -- if partitioned
    IF TG_ARGV[0] = 'kept' THEN -- if partitioned
        IF pg_partition_root(TG_RELID) = to_regclass('gapless.model') THEN -- if partitioned
            RETURN CASE TG_OP WHEN 'UPDATE' THEN NEW END; -- if partitioned
        END IF; -- if partitioned
        PERFORM gapless.column_check_names(TG_RELID, 'number', '{}'::name[] /*inputs*/); -- if partitioned
        IF gapless.model_written(OLD.number) IS NULL THEN -- if partitioned if unnumbered
            RETURN CASE TG_OP WHEN 'UPDATE' THEN NEW END; -- if partitioned if unnumbered
        END IF; -- if partitioned if unnumbered
    END IF; -- if partitioned
    BEGIN
        series := CASE WHEN num_nonnulls(OLD.number, OLD.input) >= 0 THEN gapless.model_series(OLD.input) END;
    EXCEPTION WHEN undefined_column THEN
        PERFORM gapless.column_check_names(TG_RELID, 'number', '{}'::name[] /*inputs*/);
        RAISE;
    END;
    IF TG_ARGV[0] = 'leave' AND gapless.model_written(OLD.number) IS NULL THEN -- unless at_commit if partitioned
        RETURN OLD; -- unless at_commit if partitioned
    END IF; -- unless at_commit if partitioned
    IF TG_ARGV[0] = 'kept' AND TG_OP = 'UPDATE' THEN -- if partitioned
        IF pg_catalog.record_image_ne(ROW(NEW.number), ROW(OLD.number)) THEN -- if partitioned
            PERFORM gapless.column_refuse('changed', TG_RELID, 'number', series, OLD.number::text); -- if partitioned
        ELSIF gapless.model_series(NEW.input) COLLATE "C" IS DISTINCT FROM series -- if partitioned
            OR gapless.model_text(1 /*initial*/, NEW.input) COLLATE "C" IS DISTINCT FROM gapless.model_text(1 /*initial*/, OLD.input) -- if partitioned if format
            OR gapless.model_dated(NEW.input) IS DISTINCT FROM gapless.model_dated(OLD.input) -- if partitioned
        THEN -- if partitioned
            PERFORM gapless.column_refuse('moved', TG_RELID, 'number', series, OLD.number::text); -- if partitioned
        ELSIF pg_catalog.record_image_ne(ROW(NEW.hash, NEW.previous), ROW(OLD.hash, OLD.previous)) THEN -- if partitioned if chain
            PERFORM gapless.column_refuse('chained', TG_RELID, 'number', series, OLD.number::text); -- if partitioned if chain
        ELSIF OLD.hash IS NOT NULL AND gapless.model_chain(NEW.number::pg_catalog.text /*number*/, NEW.input) IS DISTINCT FROM gapless.model_chain(OLD.number::pg_catalog.text /*number*/, OLD.input) THEN -- if partitioned if chain
            PERFORM gapless.column_refuse('hashed', TG_RELID, 'number', series, OLD.number::text); -- if partitioned if chain
        END IF; -- if partitioned
        RETURN NEW; -- if partitioned
    ELSIF TG_WHEN = 'BEFORE' THEN -- if partitioned
        PERFORM gapless.column_check_names(TG_RELID, 'number', '{}'::name[] /*inputs*/) WHERE series IS NULL OR gapless.model_written(OLD.number) IS NULL; -- if partitioned
        PERFORM gapless.column_follow_move('leave', series, OLD.number::text, gapless.model_dated(OLD.input), 0 /*member*/); -- if partitioned
        RETURN OLD; -- if partitioned
    ELSIF gapless.column_follow_move('left', series, OLD.number::text, NULL, 0 /*member*/) THEN -- if partitioned
        RETURN NULL; -- if partitioned
    END IF; -- if partitioned
    PERFORM gapless.column_follow_move('stay', series, OLD.number::text, NULL, 0 /*member*/); -- if partitioned
    PERFORM gapless.column_check_names(TG_RELID, 'number', '{}'::name[] /*inputs*/);
    PERFORM gapless.column_check_series(0 /*target*/, 'number', series, OLD.number::text
        , (SELECT r.value FROM gapless.model_read(OLD.number::pg_catalog.text, OLD.input) AS r (value)) -- if format
        , OLD.number -- unless format
        , NULL /*head*/
    ) WHERE series IS NOT NULL;
    IF NOT gapless.column_is_void(
        series
        , OLD.number, (SELECT r.value FROM gapless.model_read(OLD.number::pg_catalog.text, OLD.input) AS r (value)) -- if format
        , NULL, OLD.number -- unless format
    ) AND NOT gapless.column_is_archived(
        series
        , OLD.number, (SELECT r.value FROM gapless.model_read(OLD.number::pg_catalog.text, OLD.input) AS r (value)) -- if format
        , NULL, OLD.number -- unless format
    ) THEN
        PERFORM gapless.column_refuse('deleted', 0 /*target*/, 'number', series, OLD.number::text, OLD.number); -- unless format
        PERFORM gapless.column_refuse('deleted', 0 /*target*/, 'number', series, OLD.number::text, (SELECT r.value FROM gapless.model_read(OLD.number::pg_catalog.text, OLD.input) AS r (value))); -- if format
    END IF;
    PERFORM gapless.column_keep_void(
        0 /*target*/, 'number', series
        , OLD.number, (SELECT r.value FROM gapless.model_read(OLD.number::pg_catalog.text, OLD.input) AS r (value)) -- if format
        , NULL, OLD.number -- unless format
        , (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each(to_jsonb(OLD)) AS e (key, value) WHERE e.key = ANY ('{}'::name[] /*inputs*/))
    );
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION gapless.model_keep IS
'Private, a model for attach_gapless: the triggers for DELETE and TRUNCATE, and of partitions. Keeps numbered rows that are neither void nor archived, and follows those that change their partition.';

REVOKE ALL ON FUNCTION gapless.model_keep FROM PUBLIC;
