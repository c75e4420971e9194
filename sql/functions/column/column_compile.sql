-- Makes a column's functions in its table's schema from those that are written for gapless.model. It is long because it
-- is the list of the models and that of their places.
CREATE OR REPLACE FUNCTION gapless.column_compile(
    target        regclass,
    target_column name,
    schema        name,
    stem          text,       -- what the names of its functions begin with
    attachment    bigint,
    initial       bigint,
    options       text[],     -- those that hold of: format, condition, chronology, at_commit, partitioned, unnumbered
    unnumbered    text,
    check_from    bigint,     -- from which value on a text may be there already; or NULL
    inputs        smallint[], -- the columns that the expressions read
    pins          text        -- SET clauses
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    words       CONSTANT text[] := '{series,due,dated,text,read,enter,check_text}'::text[];
    late        CONSTANT boolean := 'at_commit' = ANY (options);
    partitioned CONSTANT boolean := 'partitioned' = ANY (options);
    type        CONSTANT text := CASE WHEN 'format' = ANY (options) THEN 'text' ELSE 'bigint' END;
    model       record;
    given       text; -- the inputs, as expressions
    declared    text; -- as types
    positional  text; -- as parameters
    sample      text; -- with something in the place of NULL
    keys        text;
    body        text;
BEGIN
    SELECT coalesce(string_agg(format('%s.%I', e'\\1', a.attname), ', ' ORDER BY a.attnum), ''),
        coalesce(string_agg(', ' || a.atttypid::regtype::text, '' ORDER BY a.attnum), ''),
        coalesce(string_agg(format('coalesce(r.%1$I, %2$s) AS %1$I', a.attname, CASE t.typcategory
            WHEN 'D' THEN format('%L::%s', '2001-02-03', a.atttypid::regtype)
            WHEN 'N' THEN format('1::%s', a.atttypid::regtype)
            WHEN 'S' THEN format('%L::%s', 'a', a.atttypid::regtype)
            WHEN 'B' THEN 'true'
            ELSE 'NULL'
        END), ', ' ORDER BY a.attnum), '')
    INTO given, declared, sample
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    WHERE a.attrelid = target AND a.attnum = ANY (inputs);
    SELECT string_agg(format('r.%1$I OPERATOR(%2$I.%3$s) key.%1$I', a.attname, n.nspname, o.oprname), ' AND ')
    INTO keys
    FROM pg_catalog.pg_index AS i
    CROSS JOIN LATERAL unnest((i.indkey::smallint[])[0:i.indnkeyatts - 1], (i.indclass::oid[])[0:i.indnkeyatts - 1]) AS k (attnum, class)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = target AND a.attnum = k.attnum
    JOIN pg_catalog.pg_opclass AS c ON c.oid = k.class
    JOIN pg_catalog.pg_amop AS m
        ON m.amopfamily = c.opcfamily AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype AND m.amopstrategy = 3
    JOIN pg_catalog.pg_operator AS o ON o.oid = m.amopopr
    JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace
    WHERE i.indrelid = target AND i.indisprimary;

    FOR model IN
        SELECT *
        FROM (
            VALUES
                (1, 'model_keep', '_keep', '', 'trigger', true),
                (2, 'model_check_text', '_check_text', 'target regclass, value bigint, written text' || declared, 'void STABLE', 'format' = ANY (options)),
                (3, 'model_enter', '_enter', 'target regclass, number ' || type || declared, 'void', NOT late),
                (4, CASE WHEN late THEN 'model_wait' ELSE 'model_insert' END, '', '', 'trigger', true),
                (5, 'model_update', '_update', '', 'trigger', true),
                (6, 'model_arrive', '_arrive', '', 'trigger', NOT late AND NOT partitioned),
                (7, 'model_issue', '_issue', '', 'trigger', true),
                (8, 'model_commit', '_commit', '', 'trigger', late),
                (9, 'model_rows', '_rows', '', 'SETOF record STABLE', true),
                (10, 'model_trial', '_trial', '', 'SETOF record STABLE', 'format' = ANY (options) AND check_from IS NULL),
                (11, 'model_survey', '_survey',
                    'OUT numbers bigint, OUT series text[], OUT lasts bigint[], OUT dates timestamp[], OUT before text[], OUT texts text[], OUT fault text',
                    'record STABLE', check_from IS NULL)
        ) AS m (i, name, suffix, parameters, result, wanted)
        WHERE m.wanted
        ORDER BY m.i
    LOOP
        SELECT coalesce(string_agg('$' || k + CASE model.suffix WHEN '_enter' THEN 2 ELSE 3 END, ', ' ORDER BY k), '')
        INTO positional
        FROM generate_series(1, cardinality(inputs)) AS k;
        body := gapless.column_copy(
            model.name::name, options,
            ARRAY(SELECT format('gapless\.model_%s\M', w.word) FROM unnest(words) AS w (word)) || ARRAY[
                $$'gapless\.model_insert'$$, $$'gapless\.model_keep'$$,
                'gapless\.model_written\(\w+\.number\)',
                $$'gapless\.model'$$, 'gapless\.model\M',
                '(?:, )?\m(?:NEW|OLD|r|row|other)\.input\M', '(?:, )?\minput\M',
                'SET number\M', '\m(?:NEW|OLD|r|row|other)\.number\M', $$'number'$$,
                'r\.key = key\.key', ', r\.sample',
                '0 /\*target\*/',
                '1 /\*initial\*/', '0 /\*attachment\*/', $$'0' /\*attachment\*/$$,
                $$'gapless\.column_note_0' /\*note\*/$$, 'NULL::bigint /\*check_from\*/', 'NULL::integer /\*room\*/', 'NULL::integer /\*key\*/', 'NULL::text /\*unnumbered\*/',
                '\$query\$' -- a tag that no name of a column has
            ],
            ARRAY(SELECT format('%I.%I', schema, stem || '_' || w.word) FROM unnest(words) AS w (word)) || ARRAY[
                quote_literal(format('%I.%I', schema, stem)), quote_literal(format('%I.%I', schema, stem || '_keep')),
                format(CASE WHEN unnumbered IS NULL THEN '%1$s.%2$I' ELSE 'nullif(%1$s.%2$I, %3$L)' END, e'\\1', target_column, unnumbered),
                quote_literal(target::text), CASE WHEN partitioned THEN '' ELSE 'ONLY ' END || target,
                given, positional,
                format('SET %I', target_column), format('%s.%I', e'\\1', target_column), quote_literal(target_column),
                keys, CASE WHEN sample = '' THEN '' ELSE ', ' || sample END,
                CASE WHEN partitioned THEN 'coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)' ELSE 'TG_RELID' END,
                initial::text, attachment::text, quote_literal(attachment),
                quote_literal('gapless.column_note_' || attachment), coalesce(check_from::text || '::bigint', 'NULL::bigint'),
                (SELECT CASE WHEN a.atttypmod > 4 THEN (a.atttypmod - 4)::text ELSE 'NULL::integer' END FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = target AND a.attname = target_column),
                gapless.column_unique_key(target, target_column, unnumbered),
                coalesce(quote_literal(unnumbered), 'NULL'),
                '$q' || attachment || '$'
            ]
        );
        EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(%s) RETURNS %s LANGUAGE plpgsql SECURITY DEFINER %s AS %L',
            schema, stem || model.suffix, model.parameters, model.result,
            pins || CASE WHEN model.suffix IN ('_keep', '_check_text', '_enter', '_commit', '_rows', '_trial', '_survey') THEN ' SET row_security = off' ELSE '' END
                || CASE WHEN model.suffix IN ('_keep', '_commit', '_rows', '_trial', '_survey') THEN '' ELSE ' SET enable_seqscan = off' END, -- for column_first_number and column_enter_row
            body);
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.column_compile IS
'Private, for attach_gapless. Makes the functions of a column from those that are written for gapless.model.';

REVOKE ALL ON FUNCTION gapless.column_compile FROM PUBLIC;
