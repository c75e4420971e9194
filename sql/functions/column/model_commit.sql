CREATE OR REPLACE FUNCTION gapless.model_commit() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $function$
#variable_conflict use_variable
DECLARE
    key record;
BEGIN
    IF to_regclass('gapless.model') IS DISTINCT FROM 0 /*target*/ THEN
        PERFORM gapless.column_refuse('renamed', 0 /*target*/, 'number', NULL, NULL);
    END IF;
    IF current_setting('gapless.commit_several', true) = 'on' THEN
        PERFORM gapless.column_lock_expected();
    END IF;
    key := NEW;
    PERFORM set_config('gapless.commit_column', '0' /*attachment*/, true);
    UPDATE gapless.model AS r
    SET number = r.number
    WHERE r.key = key.key AND gapless.model_written(r.number) IS NULL AND gapless.model_due(r.input);
    IF NOT FOUND THEN -- deleted meanwhile, or numbered already
        PERFORM FROM gapless.model AS r WHERE r.key = key.key AND gapless.model_written(r.number) IS NULL AND gapless.model_due(r.input);
        IF FOUND THEN
            PERFORM gapless.column_refuse('unnumbered', 0 /*target*/, 'number', NULL, NULL);
        END IF;
    END IF;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION gapless.model_commit IS
'Private, a model for attach_gapless with at_commit: a deferred constraint trigger. Numbers a row that waits.';

REVOKE ALL ON FUNCTION gapless.model_commit FROM PUBLIC;
