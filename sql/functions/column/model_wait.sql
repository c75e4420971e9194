CREATE OR REPLACE FUNCTION gapless.model_wait() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = TG_RELID AND (c.relpersistence <> 'p' OR c.relkind = 'f')) THEN -- if partitioned
        PERFORM gapless.column_check_partition(TG_RELID); -- if partitioned
    END IF; -- if partitioned
    IF gapless.model_written(NEW.number) IS NOT NULL THEN
        IF gapless.column_follow_move('arrive', gapless.model_series(NEW.input), NEW.number::text, gapless.model_dated(NEW.input)) THEN -- if partitioned
            RETURN NEW; -- if partitioned
        END IF; -- if partitioned
        PERFORM gapless.column_refuse('written', 0 /*target*/, 'number', gapless.model_series(NEW.input), NEW.number::text);
    END IF;
    IF NOT gapless.model_due(NEW.input) IS TRUE THEN -- if condition
        RETURN NEW; -- if condition
    END IF; -- if condition
    IF gapless.model_dated(NEW.input) IS NULL THEN -- if chronology
        PERFORM gapless.column_refuse('undated', 0 /*target*/, 'number', gapless.model_series(NEW.input), NULL); -- if chronology
    END IF; -- if chronology
    IF (current_setting('gapless.commit_expected', true) = '=' || gapless.model_series(NEW.input)) IS NOT TRUE THEN
        PERFORM gapless.column_expect_at_commit(0 /*target*/, 'number', gapless.model_series(NEW.input));
    END IF;
    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION gapless.model_wait IS
'Private, a model for attach_gapless with at_commit: BEFORE INSERT FOR EACH ROW. Notes the sequence from which model_commit will number the row.';

REVOKE ALL ON FUNCTION gapless.model_wait FROM PUBLIC;
