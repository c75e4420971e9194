CREATE OR REPLACE FUNCTION gapless.column_voids(
    target        regclass,
    target_column name
) RETURNS TABLE (
    name   text,
    value  bigint,
    reason text,
    inputs jsonb -- NULL where its row was not deleted while the column was attached
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY
    SELECT v.name, v.value, v.reason, v.inputs
    FROM gapless.void AS v
    WHERE v.target = column_voids.target
        AND (v.target_column = column_voids.target_column OR NOT EXISTS ( -- renamed
            SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = column_voids.target AND a.attname = v.target_column AND NOT a.attisdropped
        ));
END;
$function$;

COMMENT ON FUNCTION gapless.column_voids IS
'Private, for attach_gapless. The void numbers that a column has issued when it was attached before, perhaps by another name.';

REVOKE ALL ON FUNCTION gapless.column_voids FROM PUBLIC;
