CREATE OR REPLACE FUNCTION gapless.column_void_moved(
    target        regclass,
    target_column name,
    name          text,   -- of the sequence that the row leaves
    number        text,   -- as for column_is_void
    value         bigint,
    inputs        jsonb,
    goal          text,
    moved         text    -- the number that the row has there
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    reason CONSTANT text := format('moved to %s, as %s', goal, moved);
BEGIN
    IF number IS NOT NULL THEN
        value := gapless.column_value(name, number, value);
    END IF;
    IF value IS NULL THEN
        PERFORM gapless.void_gapless(name, NULL, reason, number);
    ELSE
        PERFORM gapless.void_gapless(name, value, reason);
    END IF;
    PERFORM gapless.column_keep_void(target, target_column, name, number, value, inputs);
END;
$function$;

COMMENT ON FUNCTION gapless.column_void_moved IS
'Private, for the triggers of attach_gapless with moves. Voids the number of a row that moves to another sequence, and says where it went. Raises as void_gapless.';

REVOKE ALL ON FUNCTION gapless.column_void_moved FROM PUBLIC;
