CREATE OR REPLACE FUNCTION gapless.column_is_void(
    name  text,
    value bigint
) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN EXISTS (
        SELECT FROM gapless.void AS v
        WHERE v.name = column_is_void.name COLLATE "C" AND v.value = column_is_void.value
    );
END;
$function$;

COMMENT ON FUNCTION gapless.column_is_void IS
'Private, for the triggers of attach_gapless. Whether a number was cancelled by void_gapless.';

REVOKE ALL ON FUNCTION gapless.column_is_void FROM PUBLIC;
