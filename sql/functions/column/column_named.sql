-- Called IMMUTABLE, though it reads the catalogs, so that PostgreSQL calls it as it plans an expression, and not for each
-- row. The plan has the table's oid then, so PostgreSQL makes it anew after whatever ALTER TABLE did to the table, in every
-- session, before the next row. The columns' own numbers would not do: a dump does not keep them.
CREATE OR REPLACE FUNCTION gapless.column_named(
    relation      text,  -- the table, by the name under which it was attached
    target_column name,
    inputs        name[] -- the columns that the expressions read
) RETURNS oid
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    named CONSTANT regclass := to_regclass(relation);
BEGIN
    PERFORM gapless.column_check_guards(named, target_column, inputs) WHERE named IS NOT NULL;
    RETURN named::oid;
EXCEPTION WHEN object_not_in_prerequisite_state OR serialization_failure THEN -- the trigger says of its own table what it is
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION gapless.column_named IS
'Private, for the triggers of attach_gapless. The table, if the column is guarded, and has the name under which it was attached, as have those that its expressions read; NULL where that is not so, or not seen.';

REVOKE ALL ON FUNCTION gapless.column_named FROM PUBLIC;
