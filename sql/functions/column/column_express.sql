-- SQL-standard functions, which are stored parsed: what their names mean is settled now, under the path given. Each is
-- made under the name new, so that NEW.column is its parameter, and renamed.
CREATE OR REPLACE FUNCTION gapless.column_express(
    target     regclass,
    schema     name,
    stem       text,
    path       text,
    inputs     smallint[], -- the columns that the expressions read
    name       text,
    format     text,
    condition  text,
    chronology text,
    dated_type regtype,
    format_columns smallint[], -- that format reads
    chain         text,
    target_column name,
    unnumbered    text -- what the format must not give
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    number_type CONSTANT text := CASE WHEN format IS NULL THEN 'bigint' ELSE 'text' END;
    params text;
    types  text;
    given  text; -- what format reads of them, where the number is first
    one_row text; -- the inputs as a row, where they are the first parameters
    two_row text; -- and where the value is
    made   record;
BEGIN
    SELECT coalesce(string_agg(pg_catalog.format(', %I %s', a.attname, a.atttypid::regtype), '' ORDER BY a.attnum), ''),
        coalesce(string_agg(', ' || a.atttypid::regtype::text, '' ORDER BY a.attnum), ''),
        coalesce(string_agg(CASE WHEN a.attnum = ANY (format_columns) THEN ', $' || a.place + 1 ELSE ', NULL::' || a.atttypid::regtype END, '' ORDER BY a.attnum), ''),
        string_agg(pg_catalog.format('$%s AS %I', a.place, a.attname), ', ' ORDER BY a.attnum),
        string_agg(pg_catalog.format('$%s AS %I', a.place + 1, a.attname), ', ' ORDER BY a.attnum)
    INTO params, types, given, one_row, two_row
    FROM (
        SELECT a.attname, a.attnum, a.atttypid, row_number() OVER (ORDER BY a.attnum) AS place
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = target AND a.attnum = ANY (inputs)
    ) AS a;
    FOR made IN
        SELECT *
        FROM (
            VALUES
                ('_series', name, NULL, NULL, 'text', e'(\n' || name || e'\n)::pg_catalog.text'),
                ('_due', condition, NULL, NULL, 'boolean', coalesce(e'(\n' || condition || e'\n)', 'true')),
                ('_dated', chronology, NULL, NULL, 'timestamp', CASE
                    WHEN chronology IS NULL THEN 'NULL::pg_catalog.timestamp'
                    WHEN dated_type = 'timestamptz'::regtype THEN e'(\n' || chronology || e'\n) AT TIME ZONE ''UTC'''
                    ELSE e'(\n' || chronology || e'\n)::pg_catalog.timestamp'
                END),
                ('_text', format, 'value bigint', 'bigint', CASE WHEN format IS NULL THEN 'bigint' ELSE 'text' END,
                    CASE
                        WHEN format IS NULL THEN 'value'
                        WHEN unnumbered IS NULL THEN e'(\n' || format || e'\n)::pg_catalog.text'
                        ELSE pg_catalog.format(e'nullif((\n%s\n)::pg_catalog.text, %L)', format, unnumbered)
                    END),
                ('_chain', chain, pg_catalog.format('%I %s', target_column, number_type), number_type, 'bytea', e'(\n' || chain || e'\n)')
        ) AS v (suffix, given, first, first_type, type, body)
        WHERE v.body IS NOT NULL
    LOOP
        made.type := CASE made.type WHEN 'bigint' THEN 'int8' WHEN 'boolean' THEN 'bool' ELSE made.type END;
        BEGIN
            PERFORM set_config('search_path', path, true);
            EXECUTE pg_catalog.format('CREATE FUNCTION %I.new(%s) RETURNS pg_catalog.%I LANGUAGE sql STABLE RETURN %s',
                schema, pg_catalog.ltrim(pg_catalog.concat(made.first, params), ', '), made.type, made.body);
        EXCEPTION WHEN undefined_column OR invalid_function_definition THEN
            -- It reads the whole row, or a column called value.
            EXECUTE pg_catalog.format('CREATE FUNCTION %I.new(%s) RETURNS pg_catalog.%I LANGUAGE sql STABLE RETURN (
                SELECT s.result FROM (SELECT %s) AS new CROSS JOIN LATERAL (SELECT %s AS result%s) AS s)',
                schema, coalesce(made.first_type || types, pg_catalog.ltrim(params, ', ')), made.type,
                CASE WHEN made.first IS NULL THEN one_row WHEN made.suffix = '_chain' THEN concat_ws(', ', pg_catalog.format('$1 AS %I', target_column), two_row) ELSE two_row END, made.body,
                CASE WHEN made.suffix = '_text' THEN ' FROM (SELECT $1 AS value) AS number' ELSE '' END);
        END;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        EXECUTE pg_catalog.format('ALTER FUNCTION %I.new(%s) RENAME TO %I',
            schema, ltrim(concat(made.first_type, types), ', '), stem || made.suffix);
        EXECUTE pg_catalog.format('COMMENT ON FUNCTION %I.%I IS %L', schema, stem || made.suffix, made.given);
    END LOOP;
    IF format IS NOT NULL THEN
        PERFORM gapless.column_express_read(schema, stem, types, given);
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_express IS
'Private, for attach_gapless. Makes the functions of a column''s expressions, each of the columns that they read, with the expression as its comment.';

REVOKE ALL ON FUNCTION gapless.column_express FROM PUBLIC;
