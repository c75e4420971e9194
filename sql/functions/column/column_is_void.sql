CREATE OR REPLACE FUNCTION gapless.column_is_void(
    name   text,
    number text,  -- NULL without a format
    value  bigint -- NULL where the text does not tell
) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF EXISTS (
        SELECT FROM gapless.void AS v
        WHERE v.name = column_is_void.name COLLATE "C"
            AND CASE WHEN column_is_void.number IS NULL OR v.written IS NULL THEN v.value = column_is_void.value ELSE v.written = column_is_void.number END
    ) OR EXISTS (
        SELECT FROM gapless.known_text AS k
        WHERE k.name = column_is_void.name COLLATE "C" AND k.number = column_is_void.number AND k.reason IS NOT NULL
    ) THEN
        RETURN true;
    END IF;
    PERFORM gapless.check_not_rewritten();
    RETURN false;
END;
$function$;

COMMENT ON FUNCTION gapless.column_is_void IS
'Private, for the triggers of attach_gapless. Whether a number was cancelled by void_gapless. Raises 40001 where that cannot be seen.';

REVOKE ALL ON FUNCTION gapless.column_is_void FROM PUBLIC;
