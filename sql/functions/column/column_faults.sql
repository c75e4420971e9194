CREATE OR REPLACE FUNCTION gapless.column_faults(
    target        regclass,
    target_column name
) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off -- it costs more than it saves
AS $function$
BEGIN
    RETURN ARRAY(
        SELECT f.fault
        FROM gapless.fault AS f
        WHERE f.relation = column_faults.target AND f.column_name = column_faults.target_column
    );
END;
$function$;

COMMENT ON FUNCTION gapless.column_faults IS
'Private, for attach_gapless. What the view gapless.columns says of a column''s guards.';

REVOKE ALL ON FUNCTION gapless.column_faults FROM PUBLIC;
