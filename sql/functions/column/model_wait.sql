CREATE OR REPLACE FUNCTION gapless.model_wait() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
BEGIN
    BEGIN -- if partitioned
        IF num_nonnulls(NEW.number, NEW.input) < 0 OR gapless.column_named('gapless.model', 'number', '{}'::name[] /*inputs*/) IS DISTINCT FROM 0 /*target*/ THEN -- if partitioned
            PERFORM gapless.column_check_guards(TG_RELID, 'number', '{}'::name[] /*inputs*/); -- if partitioned
        END IF; -- if partitioned
    EXCEPTION WHEN undefined_column THEN -- if partitioned
        PERFORM gapless.column_check_guards(TG_RELID, 'number', '{}'::name[] /*inputs*/); -- if partitioned
    END; -- if partitioned
    IF EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = TG_RELID AND (c.relpersistence <> 'p' OR c.relkind = 'f')) THEN -- if partitioned
        PERFORM gapless.column_check_partition(TG_RELID); -- if partitioned
    END IF; -- if partitioned
    IF gapless.model_written(NEW.number) IS NOT NULL THEN
        IF gapless.column_follow_move('arrive', gapless.model_series(NEW.input), NEW.number::text, gapless.model_dated(NEW.input), 0 /*member*/) THEN -- if partitioned
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
