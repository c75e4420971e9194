CREATE OR REPLACE FUNCTION gapless.column_series_of(
    series_of text,   -- a column, as schema.table.column
    schemas   name[], -- where it is looked for without its schema
    OUT relation    regclass, -- NULL where there is no such table
    OUT column_name name
) RETURNS record
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    parts text[];
BEGIN
    BEGIN
        parts := parse_ident(series_of);
    EXCEPTION WHEN invalid_parameter_value THEN
        parts := '{}';
    END;
    SELECT c.oid::regclass, parts[cardinality(parts)]::name
    INTO relation, column_name
    FROM unnest(CASE cardinality(parts) WHEN 2 THEN schemas WHEN 3 THEN ARRAY[parts[1]]::name[] END) WITH ORDINALITY AS s (name, i)
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.name
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = parts[cardinality(parts) - 1]
    ORDER BY s.i
    LIMIT 1;
    SELECT h.relation::regclass, h.column_name INTO relation, column_name FROM gapless.head_of(relation, column_name) AS h;
END;
$function$;

COMMENT ON FUNCTION gapless.column_series_of IS
'Private, for attach_gapless. The column that series_of names, or the one whose series that shares: the head.';

REVOKE ALL ON FUNCTION gapless.column_series_of FROM PUBLIC;
