CREATE OR REPLACE FUNCTION gapless.column_is_archived(
    name   text,
    number text,  -- NULL without a format
    value  bigint -- NULL where the text does not tell
) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM gapless.decision AS d WHERE d.name = column_is_archived.name COLLATE "C" AND d.kind = 'archived') THEN
        RETURN false;
    ELSIF number IS NOT NULL THEN
        value := gapless.column_value(name, number, value);
    END IF;
    RETURN EXISTS (
        SELECT FROM gapless.decision AS d
        WHERE d.name = column_is_archived.name COLLATE "C" AND d.kind = 'archived' AND d.numbers @> column_is_archived.value::numeric
    );
END;
$function$;

COMMENT ON FUNCTION gapless.column_is_archived IS
'Private, for the triggers of attach_gapless. Whether a number''s row may leave, by archive_gapless.';

REVOKE ALL ON FUNCTION gapless.column_is_archived FROM PUBLIC;
