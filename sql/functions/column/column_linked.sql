CREATE OR REPLACE FUNCTION gapless.column_linked(
    name  text,
    value bigint, -- NULL where the text does not tell it
    hash  bytea   -- NULL, of a row that has no link
) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF value IS NULL THEN
        RETURN hash IS NULL OR EXISTS (SELECT FROM gapless.link AS l WHERE l.name = column_linked.name COLLATE "C" AND l.hash = column_linked.hash);
    END IF;
    RETURN (SELECT l.hash FROM gapless.link AS l WHERE l.name = column_linked.name COLLATE "C" AND l.value = column_linked.value) IS NOT DISTINCT FROM hash;
END;
$function$;

COMMENT ON FUNCTION gapless.column_linked IS
'Private, for the triggers of attach_gapless with chain. Whether a number''s link has this hash.';

REVOKE ALL ON FUNCTION gapless.column_linked FROM PUBLIC;
