CREATE OR REPLACE FUNCTION gapless.column_stem(
    target        regclass,
    target_column name
) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    schema oid;
    stem   text;
BEGIN
    SELECT c.relnamespace, c.relname || '_' || target_column || '_gapless' INTO STRICT schema, stem FROM pg_catalog.pg_class AS c WHERE c.oid = target;
    IF octet_length(stem) > 50 OR EXISTS (
        SELECT FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = schema AND (p.proname = stem OR starts_with(p.proname, stem || '_'))
    ) THEN
        stem := substr(stem, 1, 4) || '_' || to_hex(hashtextextended(target::oid || '.' || target_column, 0)) || '_gapless';
    END IF;
    RETURN stem;
END;
$function$;

COMMENT ON FUNCTION gapless.column_stem IS
'Private, for attach_gapless. What the names of a column''s functions begin with.';

REVOKE ALL ON FUNCTION gapless.column_stem FROM PUBLIC;
