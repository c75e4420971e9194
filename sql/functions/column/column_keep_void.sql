CREATE OR REPLACE FUNCTION gapless.column_keep_void(
    target        regclass,
    target_column name,
    name          text,
    number        text,   -- as for column_is_void
    value         bigint,
    inputs        jsonb
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    UPDATE gapless.void AS v
    SET target = column_keep_void.target, target_column = column_keep_void.target_column, inputs = column_keep_void.inputs
    WHERE v.name = column_keep_void.name COLLATE "C"
        AND CASE WHEN column_keep_void.number IS NULL OR v.written IS NULL THEN v.value = column_keep_void.value ELSE v.written = column_keep_void.number END;
END;
$function$;

COMMENT ON FUNCTION gapless.column_keep_void IS
'Private, for the triggers of attach_gapless. Keeps, of the row of a void number that is deleted, what tells its series, so that the number is not issued again by another name.';

REVOKE ALL ON FUNCTION gapless.column_keep_void FROM PUBLIC;
