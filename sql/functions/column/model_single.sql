CREATE OR REPLACE FUNCTION gapless.model_single(
    target regclass,
    own    text[], -- the key of a row
    place  tid,    -- where it stood
    part   oid
) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $function$
#variable_conflict use_variable
BEGIN
    IF to_regclass('gapless.model') IS DISTINCT FROM target::oid THEN
        PERFORM gapless.column_refuse('renamed', target, 'number', NULL, NULL);
    END IF;
    RETURN coalesce((
        SELECT r.ctid::text
        FROM gapless.model AS r
        WHERE r.ctid = place
            AND r.tableoid = part
            AND gapless.model_written(r.number) IS NULL AND gapless.model_due(r.input) AND age(r.xmin) <= 0
    ), (
        SELECT r.ctid::text
        FROM gapless.model AS r
        WHERE r.key = own.key AND gapless.model_written(r.number) IS NULL AND gapless.model_due(r.input) AND age(r.xmin) <= 0
    ), '');
END;
$function$;

COMMENT ON FUNCTION gapless.model_single IS
'Private, a model for attach_gapless with at_commit. Where a row stands if it waits, for model_number; else nothing. Its key may have been changed, or the primary key.';

REVOKE ALL ON FUNCTION gapless.model_single FROM PUBLIC;
