CREATE OR REPLACE FUNCTION gapless.column_check_expressions(
    target        regclass,
    target_column name,
    path          text, -- the search_path under which they are understood
    name          text,
    format        text,
    condition     text,
    chronology    text,
    chain         text,
    hash_column     name, -- of a chain; or NULL
    previous_column name,
    OUT inputs       smallint[], -- the columns that they read
    OUT name_columns smallint[], -- and those of name
    OUT spelled      smallint[], -- of them, those whose spelling it tells
    OUT format_columns smallint[], -- and those of format
    OUT pinned       text[],     -- settings that may change their results
    OUT dated_type   regtype
) RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    attnum       CONSTANT smallint := (SELECT a.attnum FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = target AND a.attname = target_column);
    hash       CONSTANT smallint := (SELECT a.attnum FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = target AND a.attname = hash_column);
    previous   CONSTANT smallint := (SELECT a.attnum FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = target AND a.attname = previous_column);
    parameter  text;
    expression text;
    checked    record;
    fault      text;
    citus      CONSTANT text := current_setting('citus.enable_ddl_propagation', true);
BEGIN
    -- The workers would have the views of column_check_expression, too, until the caller's transaction ends: shards that have the same OID there wait for them.
    PERFORM set_config('citus.enable_ddl_propagation', 'off', true) WHERE citus <> '';
    inputs := '{}'::smallint[];
    name_columns := '{}'::smallint[];
    pinned := '{}'::text[];
    FOR parameter, expression IN
        SELECT v.*
        FROM (VALUES ('name', column_check_expressions.name), ('format', format), ('condition', condition), ('chronology', chronology), ('chain', chain)) AS v (parameter, expression)
        WHERE v.expression IS NOT NULL
    LOOP
        IF btrim(expression, e' \n\r\t') = '' THEN
            RAISE EXCEPTION '%: % is refused: it is empty', target, parameter
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Give an SQL expression; a constant text has quotes of its own.', SCHEMA = 'gapless', COLUMN = parameter;
        END IF;
        checked := gapless.column_check_expression(target, path, parameter, expression);
        fault := CASE
            WHEN parameter = 'format' AND expression !~* '\mvalue\M' THEN 'it does not contain value, the number'
            WHEN attnum = ANY (checked.columns) AND parameter <> 'chain' THEN 'it reads the numbered column itself'
            WHEN hash = ANY (checked.columns) OR previous = ANY (checked.columns) AND parameter <> 'chain' THEN 'it reads a hash that the row does not have yet'
            WHEN parameter = 'chain' AND (previous = ANY (checked.columns)) IS NOT TRUE THEN format('it does not read NEW.%I, the hash of the row before', previous_column)
            WHEN parameter = 'chain' AND checked.type <> 'bytea'::regtype THEN format('it is of type %s, and has to be bytea', checked.type)
            WHEN parameter = 'condition' AND checked.type <> 'boolean'::regtype THEN format('it is of type %s, and has to be boolean', checked.type)
            WHEN parameter = 'chronology' AND checked.type NOT IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
                THEN format('it is of type %s, and has to be a date or a timestamp', checked.type)
            WHEN parameter IN ('name', 'format') AND checked.type IN ('record'::regtype, 'boolean'::regtype)
                THEN format('it is of type %s, and has to be text', checked.type)
        END;
        IF fault IS NOT NULL THEN
            RAISE EXCEPTION '%: % is refused: %', target, parameter, fault
                USING ERRCODE = 'invalid_parameter_value', HINT = pg_catalog.format('It was: %s', left(expression, 200)), SCHEMA = 'gapless', COLUMN = parameter;
        END IF;
        pinned := pinned || checked.settings; -- trap: what an expression reads of the session is pinned
        IF parameter = 'name' THEN
            name_columns := checked.columns;
            spelled := checked.spelled;
        ELSIF parameter = 'format' THEN
            format_columns := checked.columns;
        END IF;
        inputs := inputs || checked.columns;
        IF parameter = 'chronology' THEN
            dated_type := checked.type;
        END IF;
    END LOOP;
    inputs := ARRAY(SELECT DISTINCT u.i FROM unnest(inputs || hash) AS u (i) WHERE u.i <> attnum ORDER BY u.i);
    PERFORM set_config('citus.enable_ddl_propagation', citus, true) WHERE citus <> '';
END;
$function$;

COMMENT ON FUNCTION gapless.column_check_expressions IS
'Private, for attach_gapless. Checks the expressions, and says what they read. Raises 22023 and what column_check_expression raises.';

REVOKE ALL ON FUNCTION gapless.column_check_expressions FROM PUBLIC;
