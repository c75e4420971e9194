CREATE OR REPLACE FUNCTION gapless.model_wait() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = TG_RELID AND t.tgname = ('~gapless_truncate_' || 'number')::name) THEN -- if partitioned
        PERFORM gapless.column_guard_partition(TG_RELID, 'number', 'gapless.model_keep'::regproc); -- if partitioned
    END IF; -- if partitioned
    IF gapless.model_written(NEW.number) IS NOT NULL THEN
        IF gapless.column_follow_move('arrive', gapless.model_series(NEW.input), NEW.number::text, gapless.model_dated(NEW.input)) THEN -- if partitioned
            RETURN NEW; -- if partitioned
        END IF; -- if partitioned
        PERFORM gapless.column_refuse('written', 0 /*target*/, 'number', gapless.model_series(NEW.input), NEW.number::text);
    END IF;
    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION gapless.model_wait IS
'Private, a model for attach_gapless with at_commit: BEFORE INSERT FOR EACH ROW. Refuses a number that is written by hand.';

REVOKE ALL ON FUNCTION gapless.model_wait FROM PUBLIC;
