-- Parses the expression as it will be compiled, in a view that is dropped again, and runs nothing of it. An error has
-- the name of attach_gapless' parameter in its field COLUMN.
-- It is long because it is the list of what an expression may not be, each with its message.
CREATE OR REPLACE FUNCTION gapless.column_check_expression(
    target     regclass,
    path       text, -- the search_path under which it is to be understood
    parameter  text,
    expression text,
    OUT type      regtype,
    OUT columns   smallint[],
    OUT spelled   smallint[], -- of them, those that it does not only read as lower(...), upper(...), or an integer
    OUT settings  text[] -- those of a session that may change its result
) RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    scratch text := (
        SELECT format('%I.%I', n.nspname, '~gapless_expression_' || target::oid)
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = target
    );
    source  text;
    rest    text;
    query   refcursor;
    fault   text;
    tree    text;
    usual   text := '';
    wrong   text;
    others    boolean; -- whether it calls functions that are not PostgreSQL's own
    qualified boolean;
BEGIN
    -- The table's columns stand there twice, so that only those that are written as NEW.column are not ambiguous.
    SELECT format('%s AS new CROSS JOIN (SELECT %s) AS "write NEW.column"', target, string_agg(format('NULL::int AS %I', a.attname), ', '))
    INTO source
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped;
    source := source || ' CROSS JOIN LATERAL (SELECT ';
    rest := ' AS result' || CASE WHEN parameter = 'format' THEN ' FROM (SELECT NULL::bigint AS value) AS "write value"' ELSE '' END || ') AS number';

    BEGIN
        PERFORM set_config('search_path', path, true);
        -- Between brackets and then between parentheses: what leaves the one breaks the other. A cursor takes one
        -- statement only.
        OPEN query FOR EXECUTE 'SELECT 1 FROM ' || source || e'ARRAY[\n' || expression || e'\n]' || rest;
        CLOSE query;
        EXECUTE 'CREATE VIEW ' || scratch || ' AS SELECT number.result FROM ' || source || e'(\n' || expression || e'\n)' || rest;
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    EXCEPTION WHEN syntax_error_or_access_rule_violation OR data_exception OR feature_not_supported THEN
        RAISE EXCEPTION '%: % is not an expression over NEW: %', target, parameter, SQLERRM
            USING ERRCODE = SQLSTATE,
                HINT = format('It is one SQL expression; it reads columns as NEW.column%s. It was: %s',
                    CASE WHEN parameter = 'format' THEN ', and the number as value' ELSE '' END, left(expression, 200)),
                SCHEMA = 'gapless', COLUMN = parameter;
    END;

    SELECT a.atttypid::regtype, r.ev_action::text
    INTO STRICT type, tree
    FROM pg_catalog.pg_rewrite AS r
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.ev_class AND a.attnum = 1
    WHERE r.ev_class = scratch::regclass;
    SELECT coalesce(array_agg(DISTINCT d.refobjsubid::smallint), '{}')
    INTO columns
    FROM pg_catalog.pg_rewrite AS r
    JOIN pg_catalog.pg_depend AS d
        ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = target AND d.refobjsubid > 0
    WHERE r.ev_class = scratch::regclass;
    EXECUTE 'DROP VIEW ' || scratch;
    BEGIN -- the same under the usual path
        EXECUTE 'CREATE VIEW ' || scratch || ' AS SELECT number.result FROM ' || source || e'(\n' || expression || e'\n)' || rest;
        SELECT r.ev_action::text INTO STRICT usual FROM pg_catalog.pg_rewrite AS r WHERE r.ev_class = scratch::regclass;
        EXECUTE 'DROP VIEW ' || scratch;
    EXCEPTION WHEN syntax_error_or_access_rule_violation OR data_exception OR feature_not_supported THEN
        NULL; -- it names what is in another schema
    END;

    IF tree LIKE '%{SUBLINK %' OR tree LIKE '%:setOperations {%' OR tree LIKE '%:hasAggs true%'
        OR tree LIKE '%:hasWindowFuncs true%' OR tree LIKE '%:hasTargetSRFs true%'
    THEN
        fault := 'it must be a scalar expression, without subqueries, aggregates and sets';
    ELSIF tree ~ '\{VAR :varno \d+ :varattno -' THEN
        fault := 'it must not read system columns';
    ELSIF tree LIKE '%{SQLVALUEFUNCTION %'
        -- Texts such as 'now' that are read as a date or a time.
        OR tree ~ ':consttype (1082|1083|1114|1184|1266)\M' AND expression ~* '(\m(now|today|tomorrow|yesterday)\M|u&)'
        OR tree ~ '\{COERCEVIAIO .*:resulttype (1082|1083|1114|1184|1266)\M'
    THEN
        fault := 'it must not ask for the time or the user, since the audit evaluates it again later';
    ELSE
        SELECT string_agg(DISTINCT p.oid::regprocedure::text, ', ')
        INTO wrong
        FROM regexp_matches(tree, ':(?:funcid|opfuncid|aggfnoid) (\d+)', 'g') AS m (found)
        JOIN pg_catalog.pg_proc AS p ON p.oid = m.found[1]::oid
        WHERE p.provolatile = 'v'
            OR p.provolatile = 's' AND (
                p.pronamespace <> 'pg_catalog'::regnamespace
                OR p.pronargs = 0
                OR p.proname ~ '^(age|current_setting|inet_|pg_|has_|to_reg|col_description|obj_description|shobj_description|txid_|query_to|table_to|schema_to|database_to|cursor_to)'
            );
        IF wrong IS NOT NULL THEN
            fault := format('it must give the same result whenever it is evaluated, since the audit evaluates it again later, and %s may not', wrong);
        END IF;
    END IF;
    -- Which of the session's settings it may depend on. Plain columns and immutable functions of PostgreSQL's own do not;
    -- of its stable functions, concatenation does as its columns do. Of other functions nobody knows.
    others := EXISTS (
        SELECT
        FROM regexp_matches(tree, ':(?:funcid|opfuncid) (\d+)', 'g') AS m (found)
        JOIN pg_catalog.pg_proc AS p ON p.oid = m.found[1]::oid
        WHERE p.pronamespace <> 'pg_catalog'::regnamespace
    );
    -- Values that are printed with their schema.
    qualified := EXISTS (
        SELECT
        FROM (
            SELECT m.found[1]::oid FROM regexp_matches(tree, ':(?!vartype)\w*type(?:id)? (\d+)', 'g') AS m (found)
            UNION ALL
            SELECT a.atttypid FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = target AND (a.attnum = ANY (columns) OR tree ~ '\{VAR :varno \d+ :varattno 0 ')
        ) AS u (type)
        JOIN pg_catalog.pg_type AS t ON t.oid = u.type
        JOIN pg_catalog.pg_type AS e ON e.oid = CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE t.oid END
        WHERE e.typtype IN ('c', 'd') OR e.typname LIKE 'reg%' OR e.typname = 'record'
    );
    settings := ARRAY(
        SELECT s.name
        FROM (
            VALUES
                ('lc_time', expression LIKE '%TM%'),
                ('lc_numeric', tree ~ ':funcid (1772|1773|1774|1775|1776|1777) '),
                ('lc_monetary', tree ~ ':funcid (1772|1773|1774|1775|1776|1777) '),
                ('quote_all_identifiers', qualified OR tree ~ ':funcid (1282|3539|3540) '), -- quote_ident, format
                ('xmloption', tree ~ '(XMLEXPR|type(id)? 142\M)'),
                ('xmlbinary', tree ~ '(XMLEXPR|type(id)? 142\M)'),
                ('array_nulls', EXISTS (
                    SELECT
                    FROM regexp_matches(tree, '\{COERCEVIAIO [^{]*\{[^{]*?\} :resulttype (\d+)', 'g') AS m (found)
                    JOIN pg_catalog.pg_type AS t ON t.oid = m.found[1]::oid
                    WHERE t.typcategory = 'A'
                )),
                ('default_text_search_config', tree ~ ':type(id)? (3614|3615)\M' OR tree ~ ':\w+type (3614|3615)\M'),
                ('search_path', qualified OR regexp_replace(tree, ':relid \d+', '', 'g') <> regexp_replace(usual, ':relid \d+', '', 'g')), -- by what names mean
                ('standard_conforming_strings', false), ('transform_null_equals', false), ('backslash_quote', false), -- it is parsed already
                ('TimeZone', false), ('DateStyle', false), ('IntervalStyle', false), ('extra_float_digits', false), ('bytea_output', false)
        ) AS s (name, wanted)
        WHERE s.wanted OR others
    );
    IF tree ~ ':consttype (1082|1083|1114|1184|1186|1266)\M'
        OR EXISTS (
            SELECT FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = target AND a.attnum = ANY (columns)
                AND a.atttypid NOT IN (16, 20, 21, 23, 25, 1042, 1043, 1700, 2950) -- boolean, the integers, texts, numeric, uuid
        )
        OR EXISTS (
            SELECT
            FROM regexp_matches(tree, ':(?:funcid|opfuncid) (\d+)', 'g') AS m (found)
            JOIN pg_catalog.pg_proc AS p ON p.oid = m.found[1]::oid
            WHERE p.provolatile <> 'i' AND p.proname NOT IN ('textanycat', 'anytextcat', 'concat', 'concat_ws')
        )
    THEN
        settings := settings || '{TimeZone,DateStyle}'::text[];
        IF EXISTS (
            SELECT FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = target AND a.attnum = ANY (columns)
                AND a.atttypid NOT IN (16, 20, 21, 23, 25, 1042, 1043, 1700, 2950, 1082, 1083, 1114, 1184, 1266) -- and dates
        ) OR tree ~ ':consttype (17|700|701|1186)\M' OR tree ~ ':(opresulttype|funcresulttype|resulttype) (17|700|701|1186)\M'
        THEN
            settings := settings || '{extra_float_digits,IntervalStyle,bytea_output,lc_monetary}'::text[];
        END IF;
    END IF;
    spelled := ARRAY(
        SELECT m.found[1]::smallint
        FROM regexp_matches(regexp_replace(tree, ':funcid (870|871|1744|1779|1783|237|238|317|319|483|653|1708|1710|1711|1712|2167|5043|1772) [^{]*\{(RELABELTYPE :arg \{)?VAR ', '', 'g'), '\{VAR :varno \d+ :varattno (\d+) [^{}]*:varlevelsup 1 ', 'g') AS m (found)
    );
    IF tree ~ '\{VAR :varno \d+ :varattno 0 ' THEN -- the whole row
        SELECT array_agg(a.attnum)
        INTO columns
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped;
    END IF;
    IF fault IS NULL THEN
        SELECT format('it must not read column "%s", which is computed after the triggers', a.attname)
        INTO fault
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = target AND a.attnum = ANY (columns) AND a.attgenerated <> ''
        LIMIT 1;
    END IF;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION '%: % is refused: %', target, parameter, fault
            USING ERRCODE = 'invalid_parameter_value',
                HINT = format('It was: %s', left(expression, 200)),
                SCHEMA = 'gapless', COLUMN = parameter;
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_check_expression IS
'Private, for attach_gapless. Checks that an expression is one scalar over NEW that gives the same result whenever it is evaluated; its type, and the columns that it reads. Raises what is wrong with it: 42601, 42703, 22023 and others.';

REVOKE ALL ON FUNCTION gapless.column_check_expression FROM PUBLIC;
