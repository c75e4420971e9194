-- Makes a column's functions in its table's schema from those that are written for gapless.model. It is long because it
-- is the list of the models and that of their places.
CREATE OR REPLACE FUNCTION gapless.column_compile(
    target        regclass,
    target_column name,
    schema        name,
    stem          text,       -- what the names of its functions begin with
    attachment    bigint,
    initial       bigint,
    options       text[],     -- those that hold of: format, condition, chronology, at_commit, partitioned, unnumbered, varied, whole, chain, moves, shard
    unnumbered    text,
    check_from    bigint,     -- from which value on a text may be there already; or NULL
    repeat_from   bigint,     -- from which value on the format may repeat itself; or NULL
    inputs        smallint[], -- the columns that the expressions read
    pins          text,       -- SET clauses
    hash_column     name,     -- of a column with chain; or NULL
    previous_column name,
    head          regclass,   -- the column whose series it shares; NULL: its own
    head_column   name
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    words       CONSTANT text[] := '{series,due,dated,text,chain,read,enter,pending,check_text,single,assign,rest,number,finish}'::text[];
    late        CONSTANT boolean := 'at_commit' = ANY (options);
    partitioned CONSTANT boolean := 'partitioned' = ANY (options);
    note        CONSTANT bigint := attachment | 65535; -- the same for all columns that share a series
    type        CONSTANT text := CASE WHEN 'format' = ANY (options) THEN 'text' ELSE 'bigint' END;
    model       record;
    names       name[] := ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = target AND a.attnum = ANY (inputs) ORDER BY a.attnum);
    places      text[];
    instead     text[];
    declared    text; -- as types
    positional  text; -- as parameters
    sample      text; -- with something in the place of NULL
    keys        text; -- the primary key, joined to another record's
    own_keys    text; -- to a note's only row
    key_names   text;
    key_arrays  text; -- read from a note
    own_key     text; -- written into one
    row_keys    text;
    row_fields  text;
    key_is      text; -- as the view gapless.fault has it
    odd         oid[];   -- types of keys of which settings decide what the text is
    ranged      boolean; -- whether reading a key may run another's code, as a range of a domain does
    body        text;
BEGIN
    SELECT coalesce(string_agg(', ' || a.atttypid::regtype::text, '' ORDER BY a.attnum), ''),
        coalesce(string_agg(format('coalesce(r.%1$I, %2$s) AS %1$I', a.attname, CASE t.typcategory
            WHEN 'D' THEN format('%L::%s', '2001-02-03', a.atttypid::regtype)
            WHEN 'N' THEN format('1::%s', a.atttypid::regtype)
            WHEN 'S' THEN format('%L::%s', 'a', a.atttypid::regtype)
            WHEN 'B' THEN 'true'
            ELSE format('NULL::%s', a.atttypid::regtype)
        END), ', ' ORDER BY a.attnum), '')
    INTO declared, sample
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    WHERE a.attrelid = target AND a.attnum = ANY (inputs);
    SELECT
        string_agg(format('r.%1$I OPERATOR(%2$I.%3$s) given.%1$I', a.attname, n.nspname, o.oprname), ' AND '),
        string_agg(format('r.%I OPERATOR(%I.%s) (own[%s]::%I.%I[])[1]', a.attname, n.nspname, o.oprname, k.i, plain.nspname, plain.typname), ' AND '),
        string_agg(quote_ident(a.attname), ', ' ORDER BY k.i),
        string_agg(format('n.keys[%s]::%s[]', k.i, format_type(plain.oid, CASE WHEN plain.oid = a.atttypid THEN a.atttypmod ELSE -1 END)), ', ' ORDER BY k.i),
        string_agg(format(w.written, format('ARRAY[NEW.%I]', a.attname)), ', ' ORDER BY k.i),
        string_agg(format(w.written, format('pg_catalog.array_agg(r.%I)', a.attname)), ', ' ORDER BY k.i),
        string_agg(format('%L, r.%I', a.attname, a.attname), ', ' ORDER BY k.i),
        to_jsonb(array_agg(concat_ws(' ', a.attname, s.nspname, t.typname, a.atttypmod) ORDER BY k.i))::text,
        array_agg(DISTINCT a.atttypid) FILTER (WHERE y.odd),
        bool_or(plain.typtype IN ('r', 'm') AND plain.nspname <> 'pg_catalog')
    INTO keys, own_keys, key_names, key_arrays, own_key, row_keys, row_fields, key_is, odd, ranged
    FROM pg_catalog.pg_index AS i
    CROSS JOIN LATERAL unnest((i.indkey::smallint[])[0: i.indnkeyatts - 1], (i.indclass::oid[])[0: i.indnkeyatts - 1]) WITH ORDINALITY AS k (attnum, class, i)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = target AND a.attnum = k.attnum
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    JOIN pg_catalog.pg_namespace AS s ON s.oid = t.typnamespace
    CROSS JOIN LATERAL ( -- a domain's own checks are not for keys that rows have
        WITH RECURSIVE base AS (
            SELECT b.* FROM pg_catalog.pg_type AS b WHERE b.oid = a.atttypid
            UNION ALL
            SELECT b.* FROM base AS d JOIN pg_catalog.pg_type AS b ON b.oid = d.typbasetype WHERE d.typtype = 'd'
        )
        SELECT b.oid, b.typname, b.typtype, n.nspname FROM base AS b JOIN pg_catalog.pg_namespace AS n ON n.oid = b.typnamespace WHERE b.typtype <> 'd'
    ) AS plain
    JOIN pg_catalog.pg_opclass AS c ON c.oid = k.class
    JOIN pg_catalog.pg_type AS b ON b.oid = c.opcintype
    CROSS JOIN LATERAL (
        SELECT b.typnamespace <> 'pg_catalog'::regnamespace AND t.typcategory <> 'S'
            OR b.oid IN ('float4'::regtype, 'float8'::regtype, 'interval'::regtype, 'anyrange'::regtype, 'anymultirange'::regtype)
            OR b.oid = 'oid'::regtype AND t.oid <> b.oid AS odd -- regclass and its like
    ) AS y
    CROSS JOIN LATERAL (
        SELECT CASE -- as no setting changes it
            WHEN y.odd THEN replace(format('%I.%I', schema, stem || '_key'), '%', '%%') || '(%s)'
            WHEN t.typcategory = 'D' THEN 'pg_catalog.translate(pg_catalog.to_jsonb(%s)::pg_catalog.text, ''[]'', ''{}'')'
            ELSE '%s::pg_catalog.text'
        END AS written
    ) AS w
    JOIN pg_catalog.pg_amop AS m
        ON m.amopfamily = c.opcfamily AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype AND m.amopstrategy = 3
    JOIN pg_catalog.pg_operator AS o ON o.oid = m.amopopr
    JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace
    WHERE i.indrelid = target AND i.indisprimary;

    SELECT array_agg(p.place ORDER BY length(p.place) DESC), array_agg(p.instead ORDER BY length(p.place) DESC)
    INTO places, instead
    FROM (
        SELECT 'gapless.model_' || w.word, format('%I.%I', schema, stem || '_' || w.word) FROM unnest(words) AS w (word)
        UNION ALL
        SELECT v.*
        FROM unnest('{NEW,OLD,r,row,other}'::text[]) AS r (name)
        CROSS JOIN LATERAL (SELECT coalesce(string_agg(format(', %s.%I', r.name, n.name), ''), '') AS list FROM unnest(names) AS n (name)) AS given
        CROSS JOIN LATERAL (
            VALUES
                (', ' || r.name || '.input', given.list),
                (r.name || '.input', substr(given.list, 3)),
                (r.name || '.number', format('%s.%I', r.name, target_column)),
                (r.name || '.hash', format('%s.%I', r.name, coalesce(hash_column, 'hash'))),
                (r.name || '.previous', format('%s.%I', r.name, coalesce(previous_column, 'previous'))),
                ('gapless.model_written(' || r.name || '.number)',
                    CASE WHEN unnumbered IS NULL THEN format('%s.%I', r.name, target_column) ELSE format('(CASE WHEN (%1$s.%2$I OPERATOR(pg_catalog.=) %3$L) IS NOT TRUE THEN %1$s.%2$I END)', r.name, target_column, unnumbered) END) -- trap: the mark's = is pg_catalog's
        ) AS v
        UNION ALL
        VALUES
            ($$'gapless.model_insert'$$, quote_literal(format('%I.%I()', schema, stem))),
            ($$'gapless.model_keep'$$, quote_literal(format('%I.%I()', schema, stem || '_keep'))),
            ($$'gapless.model_series'$$, quote_literal(format('%I.%I(%s)', schema, stem || '_series', substr(declared, 3)))),
            ($$'gapless.model'$$, quote_literal(target::text)),
            ('gapless.model', CASE WHEN partitioned THEN '' ELSE 'ONLY ' END || target),
            ('SET number', format('SET %I', target_column)),
            ($$'number'$$, quote_literal(target_column)),
            ('FROM inserted AS r', CASE WHEN partitioned THEN 'FROM (SELECT NEW.*) AS r' ELSE 'FROM inserted AS r' END),
            ('r.key = own.key', own_keys),
            ('r.key = given.key', keys),
            ('given (key,', 'given (' || key_names || ','),
            ('given.key,', 'given.' || replace(key_names, ', ', ', given.') || ','),
            ('r.key,', 'r.' || replace(key_names, ', ', ', r.') || ','),
            ('unnest(n.keys', 'unnest(' || key_arrays),
            ('ARRAY[NEW.key]::text', own_key),
            ('ARRAY[NEW.key]::pg_catalog.text', own_key),
            ('array_agg(r.key)::text', row_keys),
            (', r.sample', CASE WHEN sample = '' THEN '' ELSE ', ' || sample END),
            ($$'{}'::name[] /*inputs*/$$, quote_literal(names) || '::pg_catalog.name[]'),
            ('0 /*target*/', CASE WHEN partitioned THEN 'coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass' ELSE 'TG_RELID::pg_catalog.regclass' END),
            ('::pg_catalog.text /*number*/', '::pg_catalog.' || CASE type WHEN 'text' THEN 'text' ELSE 'int8' END),
            ('1 /*initial*/', CASE WHEN initial < 0 THEN format('(%s)::bigint', initial) ELSE format('%s::bigint', initial) END),
            ('0 /*attachment*/', attachment::text),
            ($$'0' /*attachment*/$$, quote_literal(attachment)),
            ($$'0' /*note*/$$, quote_literal(note)),
            ($$'gapless.column_note_0' /*note*/$$, quote_literal('gapless.column_note_' || note)),
            (', NULL /*head*/', CASE WHEN head IS NULL THEN '' ELSE format(', %I.%I(), %L', schema, stem || '_head', head_column) END),
            (', 0 /*member*/', CASE WHEN head IS NULL THEN '' ELSE ', ' || attachment END),
            ($$'gapless.column_written_0' /*written*/$$, quote_literal('gapless.column_written_' || attachment)),
            ($$'gapless.commit_done_0' /*done*/$$, quote_literal('gapless.commit_done_' || attachment)),
            ('NULL::bigint /*check_from*/', coalesce(check_from::text || '::bigint', 'NULL::bigint')),
            ('NULL::bigint /*repeat_from*/', coalesce(repeat_from::text || '::bigint', 'NULL::bigint')),
            ('NULL::integer /*room*/', (
                SELECT CASE WHEN a.atttypmod > 4 THEN (a.atttypmod - 4)::text ELSE 'NULL::integer' END
                FROM pg_catalog.pg_attribute AS a
                WHERE a.attrelid = target AND a.attname = target_column
            )),
            ('NULL::integer /*key*/', gapless.column_unique_key(target, target_column, unnumbered)),
            ('NULL::jsonb /*row*/', coalesce('jsonb_build_object(' || row_fields || ')', 'jsonb_build_object(''ctid'', r.ctid::text' || CASE WHEN partitioned THEN ', ''tableoid'', r.tableoid::regclass::text' ELSE '' END || ')')),
            ('NULL::text /*unnumbered*/', coalesce(quote_literal(unnumbered), 'NULL')),
            ('$query$', '$q' || attachment || '$') -- a tag that no name of a column has
    ) AS p (place, instead);

    IF head IS NOT NULL THEN -- parsed, so that it follows when the table is renamed, and keeps it from being dropped
        EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I() RETURNS pg_catalog.regclass LANGUAGE sql IMMUTABLE RETURN %L::pg_catalog.regclass', schema, stem || '_head', head);
        EXECUTE format('COMMENT ON FUNCTION %I.%I() IS %L', schema, stem || '_head', head_column);
    END IF;
    FOR model IN
        SELECT 6 AS i, 'model_key' AS name, '_key' AS suffix, format('keys %s[]', u.type::regtype) AS parameters, 'text IMMUTABLE' AS result, late AS wanted FROM unnest(odd) AS u (type) WHERE late
        UNION ALL
        SELECT *
        FROM (
            VALUES
                (1, 'model_keep', '_keep', '', 'trigger', true),
                (2, 'model_check_text', '_check_text', 'target regclass, value bigint, written text' || declared, 'void STABLE', 'format' = ANY (options)),
                (3, 'model_pending', '_pending', 'target regclass, series text, value bigint', 'boolean', NOT late),
                (3, 'model_enter', '_enter', 'target regclass, number ' || type || declared, 'void', NOT late),
                (4, CASE WHEN late THEN 'model_wait' ELSE 'model_insert' END, '', '', 'trigger', true),
                (5, 'model_update', '_update', '', 'trigger', true),
                (6, 'model_arrive', '_arrive', '', 'trigger', NOT late AND NOT partitioned),
                (7, 'model_issue', '_issue', '', 'trigger', true),
                (7, 'model_single', '_single', 'target regclass, own text[], place tid, part oid', 'text STABLE', late),
                (8, 'model_rest', '_rest', 'target regclass', 'text', late),
                (9, 'model_assign', '_assign', 'target regclass, own text[]', 'text', late),
                (10, 'model_number', '_number', 'assigned text', 'void', late),
                (11, 'model_finish', '_finish', 'target regclass, own text[]', 'void', late),
                (12, 'model_note', '_note', '', 'trigger', late),
                (13, 'model_commit', '_commit', '', 'trigger', late),
                (14, 'model_confirm', '_confirm', '', 'trigger', late),
                (15, 'model_rows', '_rows', 'names text[] DEFAULT NULL, keyed boolean DEFAULT false, seed bigint DEFAULT NULL', 'SETOF record STABLE', true),
                (16, 'model_rows', '_links', 'names text[] DEFAULT NULL, keyed boolean DEFAULT false, seed bigint DEFAULT NULL', 'SETOF record STABLE', 'chain' = ANY (options)),
                (16, 'model_rows', '_prints', 'names text[] DEFAULT NULL, keyed boolean DEFAULT false, seed bigint DEFAULT NULL', 'SETOF record STABLE', true),
                (17, 'model_trial', '_trial', '', 'SETOF record STABLE', 'format' = ANY (options) AND check_from IS NULL),
                (18, 'model_survey', '_survey',
                    'OUT numbers bigint, OUT series text[], OUT lasts bigint[], OUT dates timestamp[], OUT before text[], OUT texts text[], OUT fault text',
                    'record STABLE', check_from IS NULL)
        ) AS m (i, name, suffix, parameters, result, wanted)
        WHERE m.wanted
        ORDER BY i
    LOOP
        SELECT coalesce(string_agg(', $' || k + CASE model.suffix WHEN '_enter' THEN 2 ELSE 3 END, '' ORDER BY k), '')
        INTO positional
        FROM generate_series(1, cardinality(inputs)) AS k;
        body := gapless.column_copy(model.name::name, options || CASE model.suffix WHEN '_links' THEN '{links}'::text[] WHEN '_prints' THEN '{prints}' END, places || ARRAY[', input', 'input'], instead || ARRAY[positional, substr(positional, 3)]);
        EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(%s) RETURNS %s LANGUAGE plpgsql %s AS %L', schema, stem || model.suffix, model.parameters, model.result, CASE
            WHEN model.suffix IN ('_number', '_commit') THEN '' -- the session's
            WHEN model.suffix = '_key' THEN 'SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 SET DateStyle = ''ISO, MDY'' SET IntervalStyle = iso_8601'
            WHEN model.suffix = '_confirm' THEN 'SECURITY DEFINER'
            WHEN model.suffix = '_single' AND pins = 'SET search_path = pg_catalog, pg_temp' AND ranged IS NOT TRUE THEN 'SECURITY DEFINER' -- nothing is pinned
            ELSE 'SECURITY DEFINER ' || pins
                || CASE WHEN model.suffix IN ('_keep', '_check_text', '_enter', '_pending', '_assign', '_rest', '_finish', '_note', '_rows', '_links', '_prints', '_trial', '_survey') THEN ' SET row_security = off' ELSE '' END
                || CASE WHEN model.suffix IN ('_keep', '_rows', '_links', '_prints', '_trial', '_survey', '_note', '_finish') THEN '' ELSE ' SET enable_seqscan = off' END -- for column_first_number and column_enter_row
            END,
            body || CASE WHEN model.suffix = '_assign' THEN '-- ' || key_is || e'\n' ELSE '' END);
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.column_compile IS
'Private, for attach_gapless. Makes the functions of a column from those that are written for gapless.model.';

REVOKE ALL ON FUNCTION gapless.column_compile FROM PUBLIC;
