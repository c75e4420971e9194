-- As PostgreSQL prints them where standard_conforming_strings is on.
CREATE OR REPLACE FUNCTION gapless.column_predicates(
    target_column name,
    unnumbered    text
) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    literal CONSTANT text := '''' || replace(unnumbered, '''', '''''') || '''::text'; -- not as quote_literal has a backslash
BEGIN
    RETURN ARRAY[format('(%I IS NOT NULL)', target_column), format('(%I <> %s)', target_column, literal), format('((%I)::text <> %s)', target_column, literal)];
END;
$function$;

COMMENT ON FUNCTION gapless.column_predicates IS
'Private, for attach_gapless. The predicates of indexes that leave out rows without a number, as pg_get_expr prints them.';

REVOKE ALL ON FUNCTION gapless.column_predicates FROM PUBLIC;
