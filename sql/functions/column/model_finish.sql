CREATE OR REPLACE FUNCTION gapless.model_finish(
    target regclass,
    own    text[] -- as for model_assign
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $function$
#variable_conflict use_variable
DECLARE
    assigned text;
BEGIN
    FOR attempt IN 1..3 LOOP
        assigned := gapless.model_assign(target, own);
        EXIT WHEN assigned = '';
        IF attempt = 3 THEN
            PERFORM gapless.column_refuse('unnumbered', target, 'number', NULL, NULL);
        END IF;
        PERFORM gapless.model_number(assigned);
    END LOOP;
    IF gapless.column_end_wait(0 /*attachment*/) THEN
        assigned := set_config('gapless.commit_done_0' /*done*/, 'on', true);
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.model_finish IS
'Private, a model for attach_gapless with at_commit. Numbers, with the rights of the table''s owner, what still waits, and ends the wait. Raises 23001 where a row cannot be updated, 40001 where one has another number than it was assigned, 55000 where the table was renamed.';

REVOKE ALL ON FUNCTION gapless.model_finish FROM PUBLIC;
