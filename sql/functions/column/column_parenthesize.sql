-- On lines of its own where it may end in a comment.
CREATE OR REPLACE FUNCTION gapless.column_parenthesize(
    expression text
) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN CASE WHEN expression LIKE '%--%' THEN e'(\n' || expression || e'\n)' ELSE '(' || trim(e' \n\t' FROM expression) || ')' END;
END;
$function$;

COMMENT ON FUNCTION gapless.column_parenthesize IS
'Private, for attach_gapless. An expression between parentheses.';

REVOKE ALL ON FUNCTION gapless.column_parenthesize FROM PUBLIC;
