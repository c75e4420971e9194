-- The schema as pg_dump of PostgreSQL 15 shows it, made by "make generate". DO NOT EDIT.
CREATE SCHEMA gapless;
COMMENT ON SCHEMA gapless IS 'Numbers without holes. Start with gapless.next_gapless(name); give an application its rights with gapless.grant_gapless(role).';
CREATE TYPE gapless.allocation_kind AS ENUM (
    'issued',
    'adopted',
    'pruned'
);
COMMENT ON TYPE gapless.allocation_kind IS 'How the values of a journal row were given out. ''issued'': by next_gapless or next_gapless_batch. ''adopted'': by another system, before adopt_gapless. ''pruned'': the row stands for the older ones that prune_gapless dropped. A type and not a CHECK, which would cost each allocation 2 microseconds.';
CREATE FUNCTION gapless.adopt_gapless(name text, last bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    newest  bigint;
    ordinal bigint := 1::bigint;
BEGIN
    PERFORM gapless.check_name(adopt_gapless.name);
    IF adopt_gapless.last IS NULL THEN
        RAISE EXCEPTION 'sequence "%": the value to adopt must not be NULL', adopt_gapless.name
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give the last number that was used, or 0 when none was and the first shall be 1.',
                SCHEMA = 'gapless', TABLE = 'sequence', COLUMN = 'last';
    END IF;
    -- The lock on a sequence that exists is a write, before anything is read, so that older snapshots get 40001.
    IF NOT gapless.open_sequence(adopt_gapless.name, false) THEN
        UPDATE gapless.sequence AS s
        SET adoptions = s.adoptions
        WHERE s.name = adopt_gapless.name COLLATE "C";
        PERFORM gapless.check_free(adopt_gapless.name);
        SELECT a.last_value, a.ordinal + (a.last_value - a.first_value) + 1
        INTO newest, ordinal
        FROM gapless.allocation AS a
        WHERE a.name = adopt_gapless.name COLLATE "C"
        ORDER BY a.ordinal DESC
        LIMIT 1;
        IF adopt_gapless.last < newest THEN
            RAISE EXCEPTION 'sequence "%" is at %, and cannot go back to %',
                adopt_gapless.name, newest, adopt_gapless.last
                USING ERRCODE = 'object_not_in_prerequisite_state',
                    HINT = 'Its numbers up to there were given out already. To begin anew, delete the sequence.',
                    SCHEMA = 'gapless', TABLE = 'sequence', CONSTRAINT = 'adopt_forward';
        ELSIF adopt_gapless.last = newest THEN
            RETURN;
        END IF;
        ordinal := coalesce(ordinal, 1);
    END IF;
    INSERT INTO gapless.allocation (name, ordinal, first_value, last_value, kind)
    VALUES (adopt_gapless.name, ordinal, adopt_gapless.last, adopt_gapless.last, 'adopted')
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM gapless.raise_stale(adopt_gapless.name);
    END IF;
    UPDATE gapless.sequence AS s
    SET adoptions = s.adoptions + 1
    WHERE s.name = adopt_gapless.name COLLATE "C";
END;
$$;
COMMENT ON FUNCTION gapless.adopt_gapless(name text, last bigint) IS 'Takes over numbering from another system or a restored backup: the next value is last + 1. Makes the sequence if there is none, and only ever moves it forward (55000; so also where a column numbers itself from it); to where it is already does nothing. Locks the sequence until the transaction ends. Raises 55P03 after lock_timeout; 22004, 22023 for arguments; 40001.';
CREATE FUNCTION gapless.attach_gapless(target regclass, target_column name, name text, initial bigint DEFAULT 1, format text DEFAULT NULL::text, condition text DEFAULT NULL::text, chronology text DEFAULT NULL::text, at_commit boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    caller_path  CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
    caller_schemas CONSTANT pg_catalog.name[] := pg_catalog.current_schemas(false);
    path         CONSTANT pg_catalog.text := pg_catalog.concat_ws(', ', (
        SELECT pg_catalog.string_agg(pg_catalog.quote_ident(s.name), ', ' ORDER BY s.i)
        FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS s (name, i)
        WHERE pg_catalog.left(s.name, 8) OPERATOR(pg_catalog.<>) 'pg_temp_'
    ), 'pg_temp');
    relation     pg_catalog.record;
    attribute    pg_catalog.record;
    owner        pg_catalog.name;
    fault        pg_catalog.text;
    hint         pg_catalog.text;
    parameter    pg_catalog.text;
    expression   pg_catalog.text;
    checked      pg_catalog.record;
    read_columns smallint[] := '{}'::smallint[];
    name_columns smallint[] := '{}'::smallint[];
    key          pg_catalog.name[];
    dated        pg_catalog.text;
    bodies       pg_catalog.record;
    stem         pg_catalog.text;
    function     pg_catalog.text;
    rows         pg_catalog.text;
    pins         pg_catalog.text;
    pinned       pg_catalog.text[] := '{}'::pg_catalog.text[];
    installer    pg_catalog.name;
    other        pg_catalog.text;
    part         pg_catalog.regclass;
    series       pg_catalog.text[];
    lasts        bigint[];
    dates        timestamp[];
    done         boolean := false;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    initial := coalesce(initial, 1);
    at_commit := coalesce(at_commit, false);
    IF target IS NULL OR target_column IS NULL OR attach_gapless.name IS NULL THEN
        RAISE EXCEPTION 'the table, the column and the expression for the name must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Such as gapless.attach_gapless(''invoices'', ''number'', name => $$ ''invoice/'' || NEW.tenant_id $$).',
                SCHEMA = 'gapless';
    ELSIF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'a column cannot be attached in a transaction that may not see all of the table''s rows'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Use READ COMMITTED.', SCHEMA = 'gapless', CONSTRAINT = 'attach_snapshot';
    END IF;
    -- The table.
    SELECT c.relkind, c.relpersistence, c.relispartition, c.relowner, c.relname, c.relnamespace, s.nspname, pg_get_userbyid(c.relowner) AS owner
    INTO relation
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
    WHERE c.oid = target;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no table with the oid %', target::oid USING ERRCODE = 'undefined_table', HINT = 'Give the table by its name.', SCHEMA = 'gapless';
    ELSIF relation.relkind NOT IN ('r', 'p') THEN
        fault := 'it is not a table, or a foreign one';
        hint := 'Attach the column of the table in which its rows are.';
    ELSIF relation.relispartition THEN
        fault := 'it is a partition';
        hint := format('Attach the column of the partitioned table: %s.', (SELECT p.relid FROM pg_catalog.pg_partition_ancestors(target) WITH ORDINALITY AS p (relid, i) ORDER BY p.i DESC LIMIT 1));
    ELSIF relation.relpersistence <> 'p' OR EXISTS (
        SELECT FROM pg_catalog.pg_partition_tree(target) AS p
        JOIN pg_catalog.pg_class AS c ON c.oid = p.relid
        WHERE c.relpersistence <> 'p' OR c.relkind = 'f'
    ) THEN
        fault := 'it, or a partition, is temporary, foreign or not logged, so that a crash could empty it';
        hint := 'Use an ordinary table: ALTER TABLE ... SET LOGGED.';
    END IF;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION '% cannot number a column of its own: %', target, fault
            USING ERRCODE = 'wrong_object_type', HINT = hint, SCHEMA = 'gapless', COLUMN = 'target';
    END IF;
    owner := relation.owner;
    SELECT string_agg(n.nspname, ', ')
    INTO other
    FROM pg_catalog.pg_namespace AS n
    CROSS JOIN LATERAL aclexplode(n.nspacl) AS acl
    WHERE acl.grantee = 0 AND acl.privilege_type = 'CREATE' AND n.nspname = ANY (caller_schemas);
    IF other IS NOT NULL THEN
        RAISE WARNING 'everyone can create functions in schema %, and the expressions of column "%" may find them', other, target_column
            USING HINT = 'REVOKE CREATE ON SCHEMA ... FROM PUBLIC; or attach under a search_path without it.';
    END IF;
    IF NOT pg_has_role(relation.relowner, 'USAGE') THEN
        RAISE EXCEPTION 'only the owner of table % can attach a column of it', target
            USING ERRCODE = 'insufficient_privilege', HINT = format('Ask a member of role %s.', owner), SCHEMA = 'gapless';
    END IF;
    SELECT string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.proname)
    INTO other
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'gapless'::regnamespace
        AND p.proname LIKE 'column\_%'
        AND NOT has_function_privilege(relation.relowner, p.oid, 'EXECUTE');
    IF other IS NOT NULL OR NOT has_schema_privilege(relation.relowner, 'gapless', 'USAGE') THEN
        RAISE EXCEPTION 'role %, which owns table %, has no right to what numbers its columns', owner, target
            USING ERRCODE = 'insufficient_privilege',
                HINT = format('As the owner of schema gapless: GRANT USAGE ON SCHEMA gapless TO %1$I%2$s', owner, '; GRANT EXECUTE ON FUNCTION ' || other || format(' TO %I', owner)),
                SCHEMA = 'gapless';
    END IF;
    -- Nobody writes from here on, and the statements below see every row.
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', target);
    -- The column.
    SELECT a.attnum, a.atttypid::regtype AS type, a.attnotnull, a.atthasdef, a.attidentity, a.attgenerated
    INTO attribute
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = target AND a.attname = target_column AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table % has no column "%"', target, target_column
            USING ERRCODE = 'undefined_column', HINT = 'Name the column that is to number itself.', SCHEMA = relation.nspname, TABLE = relation.relname, COLUMN = target_column;
    ELSIF EXISTS (
        SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = target AND t.tgname = ('~gapless_insert_' || target_column)::name
    ) THEN
        RAISE EXCEPTION 'column "%" of table % is attached already', target_column, target
            USING ERRCODE = 'duplicate_object', HINT = 'To attach it otherwise, detach it first: gapless.detach_gapless.',
                SCHEMA = relation.nspname, TABLE = relation.relname, COLUMN = target_column;
    END IF;
    CASE
        WHEN attribute.attgenerated <> '' OR attribute.attidentity <> '' OR attribute.atthasdef THEN
            fault := 'it has a default, is generated or an identity';
            hint := 'ALTER TABLE ... ALTER COLUMN ... DROP DEFAULT, DROP IDENTITY or DROP EXPRESSION.';
        WHEN octet_length(target_column) > 42 THEN
            fault := 'its name has more than 42 bytes';
            hint := 'The names of its triggers are made of it. Rename it: ALTER TABLE ... RENAME COLUMN.';
        WHEN attach_gapless.format IS NOT NULL AND initial < 0 THEN
            fault := 'a negative number cannot be read back from a text';
            hint := 'Give another initial.';
        WHEN attach_gapless.format IS NULL AND attribute.type <> 'bigint'::regtype THEN
            fault := format('it is of type %s', attribute.type);
            hint := 'It has to be bigint; or text with a format.';
        WHEN attach_gapless.format IS NOT NULL AND attribute.type NOT IN ('text'::regtype, 'varchar'::regtype) THEN
            fault := format('it is of type %s, and has a format', attribute.type);
            hint := 'A column with a format has to be text or varchar.';
        WHEN attribute.attnotnull AND (at_commit OR condition IS NOT NULL) THEN
            fault := 'it is NOT NULL, and rows would be without a number for a while';
            hint := 'ALTER TABLE ... ALTER COLUMN ... DROP NOT NULL; or do without condition and at_commit.';
        WHEN EXISTS (
            SELECT
            FROM pg_catalog.pg_partition_tree(target) AS p
            JOIN pg_catalog.pg_partitioned_table AS k ON k.partrelid = p.relid
            WHERE target_column::text IN (
                    SELECT a.attname FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = p.relid AND a.attnum = ANY (k.partattrs::smallint[])
                )
                OR pg_get_partkeydef(p.relid) ~ format('\m%s\M', target_column) AND 0 = ANY (k.partattrs::smallint[])
        ) THEN
            fault := 'the table is partitioned by it';
            hint := 'A row''s partition is chosen before its number.';
        WHEN NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_index AS i
            WHERE i.indrelid = target AND i.indisunique AND i.indisvalid
                AND attribute.attnum = ANY ((i.indkey::smallint[])[0:i.indnkeyatts - 1])
                AND (i.indpred IS NULL OR pg_get_expr(i.indpred, target) = format('(%I IS NOT NULL)', target_column))
        ) THEN
            fault := 'no unique index contains it';
            hint := format('CREATE UNIQUE INDEX ON %s (..., %I), with what tells the series apart before it.', target, target_column);
        ELSE
            NULL;
    END CASE;
    SELECT array_agg(a.attname ORDER BY k.i)
    INTO key
    FROM pg_catalog.pg_index AS i
    CROSS JOIN LATERAL unnest((i.indkey::smallint[])[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k (attnum, i)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = target AND a.attnum = k.attnum
    WHERE i.indrelid = target AND i.indisprimary;
    IF fault IS NULL AND at_commit AND key IS NULL THEN
        fault := 'at_commit needs the table to have a primary key';
        hint := 'The row is found again by it when the transaction commits.';
    END IF;
    SELECT t.tgname::text
    INTO other
    FROM pg_catalog.pg_trigger AS t
    WHERE (t.tgrelid = target OR t.tgrelid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(target) AS p))
        AND NOT t.tgisinternal AND t.tgtype::integer & 3 = 3
        AND t.tgtype::integer & CASE relation.relkind WHEN 'p' THEN 28 ELSE 20 END <> 0 -- INSERT and UPDATE; and DELETE, for a row that moves
        AND t.tgname::text COLLATE "C" > '~gapless_insert' COLLATE "C" AND t.tgname NOT LIKE '~gapless\_%'
    LIMIT 1;
    IF fault IS NULL AND other IS NOT NULL THEN
        fault := format('trigger "%s" would fire after those that number it', other);
        hint := 'Triggers fire in the order of their names. Rename it: ALTER TRIGGER.';
    END IF;
    SELECT string_agg(i.inhrelid::regclass::text, ', ' ORDER BY i.inhrelid::regclass::text)
    INTO other
    FROM pg_catalog.pg_inherits AS i
    WHERE i.inhparent = target AND relation.relkind = 'r' AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = i.inhrelid AND t.tgname = ('~gapless_insert_' || target_column)::name
    );
    IF fault IS NULL AND other IS NOT NULL THEN
        fault := format('rows of %s, which inherits from it, would not be numbered', other);
        hint := 'ALTER TABLE ... NO INHERIT; or partition the table; or attach the column of what inherits first, with sequences of its own.';
    END IF;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'column "%" of table % cannot number itself: %', target_column, target, fault
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = hint,
                SCHEMA = relation.nspname, TABLE = relation.relname, COLUMN = target_column, CONSTRAINT = 'attach_column';
    END IF;
    -- The expressions.
    FOR parameter, expression IN
        SELECT v.*
        FROM (VALUES ('name', attach_gapless.name), ('format', format), ('condition', condition), ('chronology', chronology)) AS v (parameter, expression)
        WHERE v.expression IS NOT NULL
    LOOP
        IF btrim(expression, e' \n\r\t') = '' THEN
            RAISE EXCEPTION '%: % is refused: it is empty', target, parameter
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Give an SQL expression; a constant text has quotes of its own.', SCHEMA = 'gapless', COLUMN = parameter;
        END IF;
        checked := gapless.column_expression(target, path, parameter, expression);
        fault := CASE
            WHEN parameter = 'format' AND expression !~* '\mvalue\M' THEN 'it does not contain value, the number'
            WHEN attribute.attnum = ANY (checked.columns) THEN 'it reads the numbered column itself'
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
        pinned := pinned || checked.settings;
        IF parameter = 'name' THEN
            name_columns := checked.columns;
        END IF;
        IF parameter <> 'condition' THEN
            read_columns := read_columns || checked.columns;
        END IF;
        IF parameter = 'chronology' THEN
            dated := CASE checked.type
                WHEN 'timestamptz'::regtype THEN pg_catalog.format('(%s AT TIME ZONE ''UTC'')', gapless.column_enclose(chronology))
                ELSE gapless.column_enclose(chronology) || '::timestamp'
            END;
        END IF;
    END LOOP;
    -- No number twice in a sequence, by an index, too: what it has beside the number is part of the name. (A partitioned table's
    -- index has to have the partition key, which need not be; there, column_enter alone sees to it.)
    IF relation.relkind = 'r' AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index AS i
        WHERE i.indrelid = target AND i.indisunique AND i.indisvalid
            AND attribute.attnum = ANY ((i.indkey::smallint[])[0:i.indnkeyatts - 1])
            AND (i.indpred IS NULL OR pg_get_expr(i.indpred, target) = pg_catalog.format('(%I IS NOT NULL)', target_column))
            AND NOT EXISTS (
                SELECT
                FROM pg_catalog.pg_depend AS d
                WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid
                    AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = target
                    AND d.refobjsubid > 0
                    AND d.refobjsubid <> attribute.attnum
                    AND d.refobjsubid <> ALL (name_columns)
            )
            AND NOT EXISTS (
                SELECT
                FROM unnest((i.indkey::smallint[])[0:i.indnkeyatts - 1]) AS k (attnum)
                WHERE k.attnum <> attribute.attnum AND k.attnum > 0 AND k.attnum <> ALL (name_columns)
            )
    ) THEN
        RAISE EXCEPTION 'column "%" of table % cannot number itself: its unique indexes allow a number twice in a sequence', target_column, target
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = pg_catalog.format('A unique index has to contain %I, and beside it only columns that the expression name reads.', target_column),
                SCHEMA = relation.nspname, TABLE = relation.relname, COLUMN = target_column, CONSTRAINT = 'attach_column';
    END IF;
    -- The functions.
    stem := relation.relname || '_' || target_column;
    IF octet_length(stem) > 46 OR EXISTS (
        SELECT FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = relation.relnamespace AND p.proname IN (stem || '_gapless', stem || '_gapless_rows')
    ) THEN
        stem := substr(stem, 1, 4) || '_' || to_hex(hashtextextended(target::oid || '.' || target_column, 0));
    END IF;
    function := pg_catalog.format('%I.%I', relation.nspname, stem || '_gapless');
    rows := pg_catalog.format('%I.%I', relation.nspname, stem || '_gapless_rows');
    -- A pinned setting cannot change what the expressions mean from one session to the next.
    pins := pg_catalog.format('SET search_path = %s', CASE WHEN 'search_path' = ANY (pinned) THEN path ELSE 'pg_catalog, pg_temp' END) || coalesce((
        SELECT string_agg(pg_catalog.format(' SET %I = %L', s.name, CASE s.name
            WHEN 'standard_conforming_strings' THEN 'on'
            WHEN 'transform_null_equals' THEN 'off'
            ELSE current_setting(s.name)
        END), '' ORDER BY s.name)
        FROM (SELECT DISTINCT u.name FROM unnest(pinned) AS u (name) WHERE u.name <> 'search_path') AS s
    ), '');
    bodies := gapless.column_code(target, target_column, key, attach_gapless.name, initial, format, condition, dated, at_commit,
        hashtextextended(gen_random_uuid()::text, 0) & 9223372036854775807, 'search_path' = ANY (pinned), function);
    EXECUTE pg_catalog.format('CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER %s AS %L', function, pins || CASE
        WHEN at_commit THEN ' SET row_security = off'
        WHEN 'search_path' = ANY (pinned) THEN ''
        ELSE ' SET enable_seqscan = off' -- for column_open and column_enter_row
    END, bodies.trigger_body);
    EXECUTE pg_catalog.format('CREATE FUNCTION %s() RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER %s SET row_security = off AS %L', rows, pins, bodies.rows_body);
    EXECUTE pg_catalog.format('COMMENT ON FUNCTION %s IS %L', function, pg_catalog.format(
        'Numbers %s.%I. Made by: SELECT gapless.attach_gapless(%L, %L, name => %L, initial => %s, format => %L, condition => %L, chronology => %L, at_commit => %s)',
        target, target_column, target, target_column, attach_gapless.name, initial, format, condition, chronology, at_commit
    ));
    EXECUTE pg_catalog.format('COMMENT ON FUNCTION %s IS %L', rows, pg_catalog.format('The numbers of %s.%I, for gapless.audit_gapless.', target, target_column));
    EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s(), %s() FROM PUBLIC', function, rows);
    IF owner <> current_user THEN
        EXECUTE pg_catalog.format('ALTER FUNCTION %s() OWNER TO %I', function, owner);
        EXECUTE pg_catalog.format('ALTER FUNCTION %s() OWNER TO %I', rows, owner);
    END IF;
    SELECT pg_get_userbyid(p.proowner)
    INTO installer
    FROM pg_catalog.pg_proc AS p
    WHERE p.oid = 'gapless.next_gapless'::regproc;
    EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s() TO %I', rows, installer);
    -- The rows that there are. Their numbers have to be read, each once. Casts and functions of the owner's may run for that, where
    -- nothing can be written, and what they did to the session is undone: so they cannot reach the rights of a caller who is another.
    BEGIN
        PERFORM set_config('transaction_read_only', 'on', true);
        EXECUTE pg_catalog.format(
            'SELECT string_agg(w.fault, ''; '' ORDER BY w.fault) FROM (
                SELECT CASE
                    WHEN r.series IS NULL THEN pg_catalog.format(''%%s: its series is NULL'', min(r.number))
                    WHEN r.value IS NULL THEN pg_catalog.format(''%%s: it cannot be read'', min(r.number))
                    ELSE pg_catalog.format(''%%s: %%s rows of "%%s" have it'', min(r.number), count(*), r.series)
                END AS fault
                FROM %s() AS r (series text, value bigint, number text, dated timestamp)
                GROUP BY r.series, r.value, CASE WHEN r.value IS NULL THEN r.number END
                HAVING r.series IS NULL OR r.value IS NULL OR count(*) > 1
                LIMIT 20
            ) AS w', rows
        ) INTO fault;
        IF fault IS NULL THEN
            EXECUTE pg_catalog.format(
                'SELECT array_agg(r.series), array_agg(r.value), array_agg(r.dated) FROM (
                    SELECT DISTINCT ON (r.series) r.series, r.value, r.dated FROM %s() AS r (series text, value bigint, number text, dated timestamp) ORDER BY r.series, r.value DESC
                ) AS r', rows
            ) INTO series, lasts, dates;
        END IF;
        done := true;
        RAISE EXCEPTION 'what was read stays, and the rest is undone';
    EXCEPTION WHEN OTHERS THEN
        IF NOT done THEN
            RAISE;
        END IF;
    END;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'column "%" of table % has numbers that cannot be taken over', target_column, target
            USING ERRCODE = 'check_violation', DETAIL = fault,
                HINT = 'Mend these rows (20 at most are named), or set the number to NULL, and attach the column then.',
                SCHEMA = relation.nspname, TABLE = relation.relname, COLUMN = target_column, CONSTRAINT = 'attach_rows';
    ELSIF series IS NOT NULL THEN
        PERFORM gapless.column_adopt(target, target_column, series, lasts, dates);
    END IF;
    -- The triggers. Their names sort last, so that what they number is what is written.
    SELECT coalesce(string_agg(DISTINCT pg_catalog.format('OLD.%I', a.attname), ', '), '') || pg_catalog.format('|OLD.%I', target_column)
    INTO other
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = target AND a.attnum = ANY (read_columns);
    other := trim(leading ', ' FROM replace(other, '|', ', '));
    FOR parameter, expression IN
        SELECT v.purpose, pg_catalog.format(v.event, target, target_column, other, replace(other, 'OLD.', 'NEW.'))
        FROM (
            VALUES
                ('insert', true, 'BEFORE INSERT ON %s FOR EACH ROW'),
                ('update', true, 'BEFORE UPDATE ON %s FOR EACH ROW WHEN (OLD.%2$I IS NULL OR pg_catalog.record_image_ne(ROW(%3$s), ROW(%4$s)))'),
                ('enter', NOT at_commit AND relation.relkind = 'r', 'AFTER INSERT ON %s REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT'),
                ('enter', relation.relkind = 'p', 'AFTER INSERT ON %s FOR EACH ROW WHEN (NEW.%2$I IS NOT NULL)'),
                ('settle', relation.relkind = 'p', 'AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH STATEMENT'),
                ('issue', relation.relkind = 'p' OR NOT at_commit, 'AFTER UPDATE ON %s FOR EACH ROW WHEN (pg_catalog.record_image_ne(ROW(OLD.%2$I), ROW(NEW.%2$I)))'),
                ('issue', relation.relkind = 'r' AND at_commit,
                    'AFTER UPDATE ON %s FOR EACH ROW WHEN (OLD.%2$I IS NOT NULL AND pg_catalog.record_image_ne(ROW(OLD.%2$I), ROW(NEW.%2$I)))'),
                ('commit', at_commit, 'AFTER INSERT OR UPDATE ON %s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.%2$I IS NULL)'),
                ('leave', relation.relkind = 'p', 'BEFORE DELETE ON %s FOR EACH ROW WHEN (OLD.%2$I IS NOT NULL)'),
                ('delete', true, 'AFTER DELETE ON %s FOR EACH ROW WHEN (OLD.%2$I IS NOT NULL)'),
                ('truncate', true, 'BEFORE TRUNCATE ON %s FOR EACH STATEMENT')
        ) AS v (purpose, wanted, event)
        WHERE v.wanted
    LOOP
        EXECUTE pg_catalog.format(
            'CREATE %sTRIGGER %I ', CASE parameter WHEN 'commit' THEN 'CONSTRAINT ' ELSE '' END, ('~gapless_' || parameter || '_' || target_column)::name
        ) || expression || pg_catalog.format(' EXECUTE FUNCTION %s(%L)', function, parameter);
    END LOOP;
    IF relation.relkind = 'p' THEN
        FOR part IN SELECT p.relid FROM pg_catalog.pg_partition_tree(target) AS p WHERE p.isleaf AND p.relid <> target LOOP
            PERFORM gapless.column_guard(part, target_column, (
                SELECT t.oid FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = target AND t.tgname = ('~gapless_insert_' || target_column)::name
            ));
        END LOOP;
    END IF;
    PERFORM gapless.column_forget(target, target_column);
    PERFORM set_config('search_path', caller_path, true);
END;
$_$;
COMMENT ON FUNCTION gapless.attach_gapless(target regclass, target_column name, name text, initial bigint, format text, condition text, chronology text, at_commit boolean) IS 'Lets a column of a table number itself: an INSERT is all that is needed, and RETURNING has the number. name, format (over value, too), condition and chronology are SQL expressions over NEW, compiled into a trigger function in the table''s schema. Takes over the numbers that the table has, and guards numbers from then on against being written, changed and deleted. For the table''s owner. Locks the table against writers until the transaction ends. Raises 22004, 22023, 42601, 42703 for arguments; 42501; 42710 where it is attached already; 55000 and 42809 for a table or column that cannot be; 23514 for numbers that cannot be taken over.';
CREATE FUNCTION gapless.attached_column(target regclass, target_column name) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN (
        SELECT format('%s.%I', attached_column.target, attached_column.target_column)
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgrelid = attached_column.target
            AND t.tgname = ('~gapless_insert_' || attached_column.target_column)::name
            AND pg_table_is_visible(t.tgrelid) IS NOT NULL
    );
END;
$$;
COMMENT ON FUNCTION gapless.attached_column(target regclass, target_column name) IS 'Private. The column that numbers itself, as schema.table.column; NULL if it does not, or not any more.';
CREATE FUNCTION gapless.audit_gapless(name text DEFAULT NULL::text) RETURNS TABLE(sequence text, attached_column text, kind text, first_value bigint, last_value bigint, explained boolean, explanation text, allocated_by text, allocated_as text, allocated_at timestamp with time zone, txid bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
BEGIN
    IF audit_gapless.name IS NOT NULL THEN
        PERFORM gapless.check_name(audit_gapless.name);
    END IF;
    RETURN QUERY
    WITH number AS MATERIALIZED (
        SELECT n.series COLLATE "C" AS name, n.attached_column, n.finding, n.first_value, n.last_value, n.detail
        FROM gapless.audit_numbers(audit_gapless.name) AS n
    ), edge AS MATERIALIZED (
        -- The journal, of which only the rows stay where a run of issued values begins or ends.
        SELECT *
        FROM (
            SELECT
                a.name,
                a.ordinal,
                a.first_value,
                a.last_value,
                a.kind,
                lag(a.last_value) OVER journal AS before,
                lag(a.kind) OVER journal AS kind_before,
                lead(a.first_value) OVER journal AS after,
                lead(a.kind) OVER journal AS kind_after
            FROM gapless.allocation AS a
            WHERE audit_gapless.name IS NULL OR a.name = audit_gapless.name COLLATE "C"
            WINDOW journal AS (PARTITION BY a.name ORDER BY a.ordinal)
        ) AS neighbour
        WHERE before IS NULL OR after IS NULL OR kind <> 'issued' OR kind_before <> 'issued' OR kind_after <> 'issued'
            OR first_value IS DISTINCT FROM gapless.successor(before, 1, NULL) OR after IS DISTINCT FROM gapless.successor(last_value, 1, NULL)
    ), start AS (
        SELECT e.*, row_number() OVER (ORDER BY e.name, e.ordinal) AS i
        FROM edge AS e
        WHERE e.before IS NULL OR e.kind <> 'issued' OR e.kind_before <> 'issued' OR e.first_value IS DISTINCT FROM gapless.successor(e.before, 1, NULL)
    ), stop AS (
        SELECT e.last_value, row_number() OVER (ORDER BY e.name, e.ordinal) AS i
        FROM edge AS e
        WHERE e.after IS NULL OR e.kind <> 'issued' OR e.kind_after <> 'issued' OR e.after IS DISTINCT FROM gapless.successor(e.last_value, 1, NULL)
    ), segment AS (
        SELECT b.name, b.kind, b.ordinal, b.before, b.first_value, e.last_value
        FROM start AS b
        JOIN stop AS e USING (i)
    ), present AS (
        SELECT
            n.name,
            n.attached_column,
            range_agg(numrange(n.first_value, n.last_value::numeric + 1)) AS numbers,
            min(n.first_value) AS lowest
        FROM number AS n
        WHERE n.finding IS NULL
        GROUP BY n.name, n.attached_column
    ), owned AS MATERIALIZED (
        SELECT s.name, gapless.attached_column(s.target, s.target_column) AS attached_column
        FROM gapless.sequence AS s
        WHERE (audit_gapless.name IS NULL OR s.name = audit_gapless.name COLLATE "C")
            AND NOT EXISTS (
                SELECT FROM number AS n
                WHERE n.finding IN ('failed', 'detached') AND n.attached_column = gapless.attached_column(s.target, s.target_column)
            )
    ), sequence AS (
        -- What is known of each: which numbers were issued, adopted, pruned from the journal, lost from it, voided, and are there.
        SELECT
            coalesce(s.name, p.name) AS name,
            coalesce(s.attached_column, p.attached_column) AS attached_column,
            coalesce(j.issued, '{}') AS issued,
            coalesce(j.adopted, '{}') AS adopted,
            coalesce(j.pruned, '{}') AS pruned,
            coalesce(j.lost, '{}') AS lost,
            coalesce(v.voids, '{}') AS voids,
            coalesce(p.numbers, '{}') AS numbers
        FROM owned AS s
        FULL JOIN present AS p ON p.name = s.name AND p.attached_column = s.attached_column
        LEFT JOIN (
            SELECT
                g.name,
                range_agg(numrange(g.first_value, g.last_value::numeric + 1)) FILTER (WHERE g.kind = 'issued') AS issued,
                -- Nor where pruned ones did, if the oldest of them were adopted.
                range_agg(numrange(
                    least(q.lowest, g.first_value, g.last_value),
                    greatest(g.first_value, g.last_value)::numeric + 1
                )) FILTER (WHERE g.kind = 'pruned') AS pruned,
                -- Nobody knows where adopted numbers began: after those before, or with the first that is there.
                range_agg(numrange(
                    least(coalesce(g.before::numeric + 1, q.lowest, g.last_value), g.last_value),
                    g.last_value::numeric + 1
                )) FILTER (WHERE g.kind = 'adopted') AS adopted,
                -- A row's ordinal counts the values before it.
                range_agg(numrange(coalesce(g.before::numeric + 1, g.first_value::numeric - g.ordinal + 1), g.first_value)) FILTER (
                    WHERE g.kind <> 'adopted' AND g.first_value::numeric > coalesce(g.before::numeric + 1, g.first_value::numeric - g.ordinal + 1)
                ) AS lost
            FROM segment AS g
            LEFT JOIN owned AS o ON o.name = g.name
            LEFT JOIN present AS q ON q.name = g.name AND q.attached_column = o.attached_column
            GROUP BY g.name
        ) AS j ON j.name = s.name
        LEFT JOIN (
            SELECT v.name, range_agg(numrange(v.value, v.value::numeric + 1)) AS voids
            FROM gapless.void AS v
            GROUP BY v.name
        ) AS v ON v.name = s.name
    ), piece AS (
        -- Of columns: what was given out and is not there, and what is there and was not given out.
        SELECT s.name, s.attached_column, 'hole' AS kind, 'void' AS cause, unnest((s.issued + s.adopted + s.pruned + s.lost - s.numbers) * s.voids) AS part
        FROM sequence AS s WHERE s.attached_column IS NOT NULL
        UNION ALL
        SELECT s.name, s.attached_column, 'void', 'void', unnest(s.numbers * s.voids)
        FROM sequence AS s WHERE s.attached_column IS NOT NULL
        UNION ALL
        SELECT s.name, s.attached_column, 'hole', 'adopted', unnest(s.adopted - s.numbers - s.voids)
        FROM sequence AS s WHERE s.attached_column IS NOT NULL
        UNION ALL
        SELECT s.name, s.attached_column, 'hole', 'pruned', unnest(s.pruned - s.adopted - s.numbers - s.voids)
        FROM sequence AS s WHERE s.attached_column IS NOT NULL
        UNION ALL
        SELECT s.name, s.attached_column, 'hole', NULL, unnest(s.issued + s.lost - s.adopted - s.pruned - s.numbers - s.voids)
        FROM sequence AS s WHERE s.attached_column IS NOT NULL
        UNION ALL
        SELECT s.name, s.attached_column, 'never issued', NULL, unnest(s.numbers - s.issued - s.adopted - s.pruned)
        FROM sequence AS s WHERE s.attached_column IS NOT NULL
        UNION ALL
        -- A column's sequence does not cycle.
        SELECT o.name, o.attached_column, 'double', 'the journal has it twice', numrange(g.first_value, least(g.before, g.last_value)::numeric + 1)
        FROM owned AS o
        JOIN segment AS g ON g.name = o.name AND g.first_value <= g.before AND g.kind = 'issued'
        WHERE o.attached_column IS NOT NULL
        UNION ALL
        -- Of others only the journal is known.
        SELECT s.name, NULL, 'hole', NULL, unnest(s.lost) FROM sequence AS s WHERE s.attached_column IS NULL
        UNION ALL
        SELECT n.name, n.attached_column, 'double', n.detail, numrange(n.first_value, n.first_value::numeric + 1)
        FROM number AS n WHERE n.finding = 'double'
        UNION ALL
        SELECT n.name, n.attached_column, 'changed after issue', n.detail, numrange(n.first_value, n.first_value::numeric + 1)
        FROM number AS n WHERE n.finding = 'misdated'
    ), single AS (
        -- Voids one by one, each with its reason.
        SELECT p.name, p.attached_column, p.kind, p.cause, p.part, NULL AS void
        FROM piece AS p
        WHERE p.cause IS DISTINCT FROM 'void'
        UNION ALL
        SELECT p.name, p.attached_column, p.kind, p.cause, numrange(v.value, v.value::numeric + 1), format('void: %s (%s, %s)', v.reason, v.voided_by, v.voided_at)
        FROM piece AS p
        JOIN LATERAL (
            SELECT DISTINCT ON (v.value) v.*
            FROM gapless.void AS v
            WHERE v.name = p.name AND v.value >= lower(p.part) AND v.value < upper(p.part)
            ORDER BY v.value, v.ordinal DESC
        ) AS v ON true
        WHERE p.cause = 'void'
    )
    SELECT
        coalesce(p.name, '')::text,
        p.attached_column,
        p.kind,
        greatest(lower(p.part), min(j.first_value))::bigint,
        least(upper(p.part) - 1, max(j.last_value))::bigint,
        p.cause IN ('void', 'adopted', 'pruned') IS TRUE,
        CASE
            WHEN p.cause = 'void' THEN p.void
            WHEN p.cause = 'adopted' THEN 'adopted: given out by another system'
            WHEN p.cause = 'pruned' THEN 'pruned: the journal of it was dropped'
            WHEN p.cause IS NULL AND p.kind = 'hole' AND count(j.ordinal) = 0 THEN 'neither the journal nor the column has it'
            WHEN p.cause IS NULL AND p.kind = 'hole' THEN 'the journal has it, and no row'
            WHEN p.cause IS NULL THEN 'a row has it, and the journal does not'
            ELSE p.cause
        END,
        max(j.allocated_by),
        max(j.allocated_as),
        min(j.allocated_at),
        j.txid
    FROM single AS p
    -- The journal's rows for it: its run's ordinals rise as its values do.
    LEFT JOIN LATERAL (
        SELECT a.ordinal, a.first_value, a.last_value, a.allocated_by, a.allocated_as, a.allocated_at, a.txid
        FROM segment AS g
        JOIN gapless.allocation AS a
            ON a.name = g.name
            AND a.ordinal >= (
                SELECT b.ordinal
                FROM gapless.allocation AS b
                WHERE b.name = g.name AND b.ordinal <= g.ordinal + greatest(lower(p.part)::bigint - g.first_value, 0)
                ORDER BY b.ordinal DESC
                LIMIT 1
            )
            AND a.ordinal <= g.ordinal + (least((upper(p.part) - 1)::bigint, g.last_value) - g.first_value)
        WHERE g.name = p.name
            AND g.kind = 'issued'
            AND (p.cause IN ('adopted', 'pruned') IS NOT TRUE)
            AND g.first_value < upper(p.part)
            AND g.last_value >= lower(p.part)
        OFFSET 0 -- one piece after another: there are few, and the journal is long
    ) AS j ON true
    GROUP BY p.name, p.attached_column, p.kind, p.cause, p.part, p.void, j.txid
    UNION ALL
    -- Voids of other sequences, each of its own cycle.
    SELECT v.name::text, NULL, 'void', v.value, v.value, true, format('void: %s (%s, %s)', v.reason, v.voided_by, v.voided_at),
        a.allocated_by, a.allocated_as, a.allocated_at, a.txid
    FROM owned AS o
    JOIN gapless.void AS v ON v.name = o.name
    LEFT JOIN LATERAL (
        SELECT b.* FROM gapless.allocation AS b WHERE b.name = v.name AND b.ordinal <= v.ordinal ORDER BY b.ordinal DESC LIMIT 1
    ) AS a ON a.kind = 'issued'
    WHERE o.attached_column IS NULL
    UNION ALL
    SELECT coalesce(n.name, '')::text, n.attached_column, 'changed after issue', NULL, NULL, n.finding = 'detached',
        n.detail, NULL, NULL, NULL, NULL
    FROM number AS n
    WHERE n.finding IN ('unreadable', 'failed', 'detached')
    ORDER BY 1, 4, 3;
END;
$$;
COMMENT ON FUNCTION gapless.audit_gapless(name text) IS 'Compares the journal, the attached columns and the voids of a sequence, or of all: a row for each hole, double, number that was never issued or was changed after issue, and void, explained or not, with who allocated it, when and in which transaction. Nothing that is not explained means that numbering is sound. Reads all in one snapshot and locks out nobody. Raises 22023 for the name.';
CREATE FUNCTION gapless.audit_numbers(name text) RETURNS TABLE(series text, attached_column text, finding text, first_value bigint, last_value bigint, detail text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    AS $_$
DECLARE
    attached record;
    made     text; -- what its definition begins with
    refusal  text;
    remedy   CONSTANT text := 'Detach the column and attach it again.';
    done     boolean;
    audited  text[] := '{}'::text[]; -- the columns that were, as their table's oid and their name
BEGIN
    -- Only what attach_gapless may have made: for an owner who may attach, and never to run with the rights of whoever audits.
    FOR attached IN
        SELECT
            format('%s.%I', c.oid::regclass, a.attname) AS column_name,
            format('%I.%I', n.nspname, p.proname) AS function,
            p.oid AS function_oid,
            n.nspname,
            p.proname,
            c.oid AS target,
            a.attname AS target_column,
            t.oid AS trigger_oid
        FROM pg_catalog.pg_trigger AS t
        JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
        JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND t.tgname = ('~gapless_insert_' || a.attname)::pg_catalog.name
        JOIN pg_catalog.pg_proc AS f ON f.oid = t.tgfoid
        JOIN pg_catalog.pg_proc AS p
            ON p.pronamespace = f.pronamespace
            AND p.proname = f.proname || '_rows'
            AND p.pronargs = 0
            AND p.prosecdef
            AND p.proowner = c.relowner
        JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
        WHERE t.tgname LIKE '~gapless\_insert\_%'
            AND t.tgparentid = 0
            AND has_function_privilege(c.relowner, 'gapless.column_enter'::regproc, 'EXECUTE')
            AND (audit_numbers.name IS NULL OR EXISTS (
                SELECT FROM gapless.sequence AS s
                WHERE s.name = audit_numbers.name COLLATE "C" AND s.target = c.oid AND s.target_column = a.attname
            ) OR NOT EXISTS (
                SELECT FROM gapless.sequence AS s WHERE s.name = audit_numbers.name COLLATE "C"
            ))
    LOOP
        audited := audited || (attached.target || ' ' || attached.target_column);
        done := false;
        refusal := format('function %s() is not the one that gapless.attach_gapless made', attached.function);
        BEGIN
            -- The owner can have put anything in its place. So it runs where nothing can be written (no trigger is left for the
            -- end of the auditor's transaction, no other function changed), and what it did to the session is undone below. Before
            -- each call its definition is read past the snapshot, since another session can have altered it meanwhile.
            PERFORM set_config('transaction_read_only', 'on', true), set_config('quote_all_identifiers', 'off', true);
            made := format(
                e'CREATE OR REPLACE FUNCTION %I.%I()\n RETURNS SETOF record\n LANGUAGE plpgsql\n STABLE SECURITY DEFINER',
                attached.nspname, attached.proname
            );
            IF NOT starts_with(pg_get_functiondef(attached.function_oid), made) THEN
                RAISE EXCEPTION '%', refusal USING ERRCODE = 'insufficient_privilege', HINT = remedy, SCHEMA = 'gapless';
            END IF;
            RETURN QUERY EXECUTE format(
                $query$
                WITH edge AS MATERIALIZED (
                    SELECT *
                    FROM (
                        SELECT
                            r.series,
                            r.value,
                            CASE WHEN r.value IS NULL THEN r.number END AS number,
                            lag(r.value) OVER numbers AS before,
                            lead(r.value) OVER numbers AS after
                        FROM %1$s() AS r (series text, value bigint, number text, dated timestamp)
                        WHERE $1 IS NULL OR r.series = $1 COLLATE "C"
                        WINDOW numbers AS (PARTITION BY r.series COLLATE "C" ORDER BY r.value)
                    ) AS neighbour
                    WHERE before IS NULL OR after IS NULL OR value <= before OR value - 1 > before OR after - 1 > value
                ), start AS (
                    SELECT e.series, e.value, row_number() OVER (ORDER BY e.series COLLATE "C", e.value) AS i
                    FROM edge AS e
                    WHERE e.value IS NOT NULL AND (e.before IS NULL OR e.value - 1 > e.before)
                ), stop AS (
                    SELECT e.series, e.value, row_number() OVER (ORDER BY e.series COLLATE "C", e.value) AS i
                    FROM edge AS e
                    WHERE e.value IS NOT NULL AND (e.after IS NULL OR e.after - 1 > e.value)
                )
                SELECT b.series, $2, NULL::text, b.value, e.value, NULL::text
                FROM start AS b
                JOIN stop AS e USING (i)
                UNION ALL
                SELECT e.series, $2, 'double', e.value, e.value, pg_catalog.format('%%s rows have it', count(*) + 1)
                FROM edge AS e
                WHERE e.value = e.before
                GROUP BY e.series, e.value
                UNION ALL
                SELECT e.series, $2, 'unreadable', NULL, NULL, pg_catalog.format('%%s cannot be read back', e.number)
                FROM edge AS e
                WHERE e.value IS NULL
                $query$,
                attached.function
            ) USING audit_numbers.name, attached.column_name;
            IF EXISTS (
                SELECT FROM gapless.sequence AS s
                JOIN gapless.allocation AS a ON a.name = s.name
                WHERE s.target = attached.target AND s.target_column = attached.target_column AND a.dated IS NOT NULL
            ) THEN
                IF NOT starts_with(pg_get_functiondef(attached.function_oid), made) THEN
                    RAISE EXCEPTION '%', refusal USING ERRCODE = 'insufficient_privilege', HINT = remedy, SCHEMA = 'gapless';
                END IF;
                RETURN QUERY EXECUTE format(
                    $query$
                    SELECT r.series, $2, 'misdated', r.value, r.value, pg_catalog.format('dated %%s, and %%s when it was issued', coalesce(r.dated::text, 'nothing'), a.dated)
                    FROM %1$s() AS r (series text, value bigint, number text, dated timestamp)
                    JOIN gapless.allocation AS a ON a.name = r.series COLLATE "C" AND a.last_value = r.value
                    WHERE ($1 IS NULL OR r.series = $1 COLLATE "C") AND a.dated IS DISTINCT FROM r.dated AND a.dated IS NOT NULL
                    $query$,
                    attached.function
                ) USING audit_numbers.name, attached.column_name;
            END IF;
            done := true;
            RAISE EXCEPTION 'what was returned stays, and the rest is undone';
        EXCEPTION WHEN OTHERS THEN
            -- One table that was renamed, say, does not keep the others from being audited.
            IF NOT done AND pg_get_triggerdef(attached.trigger_oid) IS NULL THEN -- past the snapshot
                RETURN QUERY SELECT NULL::text, attached.column_name, 'detached', NULL::bigint, NULL::bigint, 'detached or dropped meanwhile: audit it in a new transaction';
            ELSIF NOT done THEN
                RETURN QUERY SELECT NULL::text, attached.column_name, 'failed', NULL::bigint, NULL::bigint, 'the column cannot be read: ' || SQLERRM
                    || CASE WHEN SQLSTATE IN ('42P01', '42703', 'P0001') THEN '. ' || remedy ELSE '' END; -- the table, or a column, was renamed
            END IF;
        END;
    END LOOP;
    -- Columns that nobody has detached, and whose triggers or functions are not those that attach_gapless made, or not any more.
    RETURN QUERY
    SELECT NULL::text, format('%s.%I', c.oid::regclass, a.attname), 'failed', NULL::bigint, NULL::bigint, 'the column cannot be audited: ' || CASE
        WHEN f.oid IS NULL THEN 'its triggers were dropped, or it was never attached in this database. Attach it again; and detach it then, if it is not to number itself.'
        WHEN f.proowner <> c.relowner THEN format(
            'its table belongs to %1$I, and its functions to %2$I. ALTER FUNCTION %3$I.%4$I() OWNER TO %1$I; and the same for %3$I.%5$I().',
            pg_get_userbyid(c.relowner), pg_get_userbyid(f.proowner), n.nspname, f.proname, f.proname || '_rows'
        )
        WHEN NOT has_function_privilege(c.relowner, 'gapless.column_enter'::regproc, 'EXECUTE') THEN format(
            'role %I, which owns its table, has no right to number it any more. Grant it what attach_gapless asks for.', pg_get_userbyid(c.relowner)
        )
        ELSE 'its functions are not those that gapless.attach_gapless made. ' || remedy
    END
    FROM (
        SELECT DISTINCT s.target, s.target_column
        FROM gapless.sequence AS s
        WHERE s.target IS NOT NULL AND (audit_numbers.name IS NULL OR s.name = audit_numbers.name COLLATE "C")
    ) AS s
    JOIN pg_catalog.pg_class AS c ON c.oid = s.target
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = s.target_column AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = c.oid AND t.tgname = ('~gapless_insert_' || a.attname)::pg_catalog.name
    LEFT JOIN pg_catalog.pg_proc AS f ON f.oid = t.tgfoid
    LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
    WHERE c.oid || ' ' || a.attname <> ALL (audited)
        AND pg_table_is_visible(c.oid) IS NOT NULL; -- past an older snapshot
END;
$_$;
COMMENT ON FUNCTION gapless.audit_numbers(name text) IS 'Private, for audit_gapless. The numbers that the attached columns have, of one sequence or of all: runs without a hole, doubles, texts that cannot be read back, rows with another date than the journal, columns that cannot be read.';
CREATE FUNCTION gapless.check_free(name text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    attached text;
BEGIN
    SELECT gapless.attached_column(s.target, s.target_column)
    INTO attached
    FROM gapless.sequence AS s
    WHERE s.name = check_free.name COLLATE "C" AND s.target IS NOT NULL;
    IF attached IS NOT NULL THEN
        RAISE EXCEPTION 'sequence "%" belongs to column %, which numbers itself from it', check_free.name, attached
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Insert a row, and read its number by RETURNING; or take from a sequence of another name.',
                SCHEMA = 'gapless', TABLE = 'sequence', CONSTRAINT = 'sequence_target';
    END IF;
END;
$$;
COMMENT ON FUNCTION gapless.check_free(name text) IS 'Private. Raises 55000 when a column numbers itself from the sequence.';
CREATE FUNCTION gapless.check_name(name text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF check_name.name IS NULL THEN
        RAISE EXCEPTION 'the name of a sequence must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give the name of a sequence, 1 to 255 bytes long.',
                SCHEMA = 'gapless', TABLE = 'sequence', COLUMN = 'name';
    ELSIF octet_length(check_name.name) NOT BETWEEN 1 AND 255 THEN
        RAISE EXCEPTION 'sequence "%": its name has % bytes, and must have 1 to 255',
            left(check_name.name, 40), octet_length(check_name.name)
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Give another name; if it is too long, a hash of its variable part.',
                SCHEMA = 'gapless', TABLE = 'sequence', COLUMN = 'name', CONSTRAINT = 'sequence_name_length';
    END IF;
END;
$$;
COMMENT ON FUNCTION gapless.check_name(name text) IS 'Private. Raises 22004 (NULL) or 22023 (empty, or more than 255 bytes) unless name can be the name of a sequence.';
CREATE FUNCTION gapless.check_reset(name text, initial bigint, reset bigint) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF check_reset.reset <= check_reset.initial THEN
        RAISE EXCEPTION 'sequence "%": reset (%) must be above initial (%)',
            check_reset.name, check_reset.reset, check_reset.initial
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'The cycle runs from initial to reset - 1. Give a larger reset, or NULL for no cycle.',
                SCHEMA = 'gapless', TABLE = 'sequence', COLUMN = 'reset';
    END IF;
END;
$$;
COMMENT ON FUNCTION gapless.check_reset(name text, initial bigint, reset bigint) IS 'Private. Raises 22023 unless reset is NULL or above initial.';
CREATE FUNCTION gapless.check_role(role name) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF check_role.role IS NULL THEN
        RAISE EXCEPTION 'the role must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give the name of the application''s role.',
                SCHEMA = 'gapless';
    END IF;
END;
$$;
COMMENT ON FUNCTION gapless.check_role(role name) IS 'Private. Raises 22004 where role is NULL.';
CREATE FUNCTION gapless.column_adopt(target regclass, target_column name, names text[], lasts bigint[], dates timestamp without time zone[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    made   text[];
    series record;
    newest gapless.allocation;
BEGIN
    -- Those that are new, in one go: there may be a hundred thousand.
    WITH made_now AS (
        INSERT INTO gapless.sequence (name, adoptions, target, target_column)
        SELECT u.name, 1, column_adopt.target, column_adopt.target_column
        FROM unnest(names) AS u (name)
        ORDER BY u.name COLLATE "C"
        ON CONFLICT DO NOTHING
        RETURNING name
    )
    SELECT coalesce(array_agg(m.name), '{}') INTO made FROM made_now AS m;
    INSERT INTO gapless.allocation (name, ordinal, first_value, last_value, kind, dated)
    SELECT u.name, 1, u.last, u.last, 'adopted', u.dated
    FROM unnest(names, lasts, dates) AS u (name, last, dated)
    JOIN unnest(made) AS m (name) ON m.name COLLATE "C" = u.name COLLATE "C"
    ORDER BY u.name COLLATE "C";
    FOR series IN
        SELECT u.name, u.last, u.dated
        FROM unnest(names, lasts, dates) AS u (name, last, dated)
        LEFT JOIN unnest(made) AS m (name) ON m.name COLLATE "C" = u.name COLLATE "C"
        WHERE m.name IS NULL
        ORDER BY u.name COLLATE "C"
    LOOP
        PERFORM gapless.open_sequence(series.name, false);
        PERFORM gapless.column_claim(target, target_column, series.name);
        -- Dates of an earlier chronology may be of another kind.
        UPDATE gapless.allocation AS a
        SET dated = NULL
        WHERE a.name = series.name COLLATE "C" AND a.dated IS NOT NULL;
        SELECT a.*
        INTO newest
        FROM gapless.allocation AS a
        WHERE a.name = series.name COLLATE "C"
        ORDER BY a.ordinal DESC
        LIMIT 1;
        UPDATE gapless.sequence AS s
        SET adoptions = s.adoptions + CASE WHEN newest.last_value >= series.last THEN 0 ELSE 1 END
        WHERE s.name = series.name COLLATE "C";
        IF newest.last_value > series.last THEN
            RAISE WARNING 'sequence "%" is at %, but the newest row of column "%" of table % has %: the audit will show the rest as a hole',
                series.name, newest.last_value, target_column, target, series.last;
        ELSIF newest.last_value = series.last THEN
            UPDATE gapless.allocation AS a
            SET dated = series.dated
            WHERE a.name = series.name COLLATE "C" AND a.ordinal = newest.ordinal;
        ELSE
            INSERT INTO gapless.allocation (name, ordinal, first_value, last_value, kind, dated)
            VALUES (
                series.name,
                coalesce(newest.ordinal + (newest.last_value - newest.first_value) + 1, 1),
                series.last,
                series.last,
                'adopted',
                series.dated
            );
        END IF;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION gapless.column_adopt(target regclass, target_column name, names text[], lasts bigint[], dates timestamp without time zone[]) IS 'Private, for attach_gapless. Makes sequences a column''s own, each moved forward to the newest number that the column has of it. Locks them until the transaction ends. Raises 55000 where one is another column''s.';
CREATE FUNCTION gapless.column_claim(target regclass, target_column name, name text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    PERFORM gapless.check_free(column_claim.name);
    IF EXISTS (
        SELECT
        FROM (
            SELECT a.first_value, lag(a.last_value) OVER (ORDER BY a.ordinal) AS before
            FROM gapless.allocation AS a
            WHERE a.name = column_claim.name COLLATE "C"
        ) AS neighbour
        WHERE neighbour.first_value <= neighbour.before
    ) THEN
        RAISE EXCEPTION 'sequence "%" has cycled, so column "%" of table % cannot number itself from it',
            column_claim.name, target_column, target
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Let the expression name give another name; or delete the sequence, with gapless.delete_gapless.',
                SCHEMA = 'gapless', TABLE = 'sequence', CONSTRAINT = 'sequence_cycled';
    END IF;
    UPDATE gapless.sequence AS s
    SET target = column_claim.target, target_column = column_claim.target_column
    WHERE s.name = column_claim.name COLLATE "C";
END;
$$;
COMMENT ON FUNCTION gapless.column_claim(target regclass, target_column name, name text) IS 'Private, for the triggers of attach_gapless. Makes a sequence, which the caller has locked, a column''s own. Raises 55000 where it is another column''s or has cycled.';
CREATE FUNCTION gapless.column_code(target regclass, target_column name, key name[], name text, initial bigint, format text, condition text, chronology text, at_commit boolean, attachment bigint, pinned boolean, function text, OUT trigger_body text, OUT rows_body text) RETURNS record
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
    partitioned boolean := (SELECT c.relkind = 'p' FROM pg_catalog.pg_class AS c WHERE c.oid = target);
    -- Fragments. Those of the second kind are for queries in which new is a row and not the record.
    titled    text := translate(format('%s.%I', target, target_column), e'\n\r', '  '); -- on one line, for a comment
    -- A table that was renamed is itself still, and what has its name now is another.
    arguments text := CASE WHEN partitioned THEN format('%L::regclass', target) ELSE 'TG_RELID' END || format(', %L', target_column);
    renamed   text := CASE WHEN partitioned THEN format('NOT EXISTS (SELECT FROM pg_catalog.pg_partition_ancestors(TG_RELID) AS a WHERE a.relid::oid = %L::regclass::oid)', target)
        ELSE format('TG_RELID <> %L::regclass::oid', target) END;
    digest    text := left(encode(sha256(replace(target::text || ' ' || target_column, e'\\', e'\\\\')::bytea), 'hex'), 12);
    open      text := CASE WHEN pinned THEN 'gapless.column_open_pinned' ELSE 'gapless.column_open' END;
    enter_row text := CASE WHEN pinned THEN 'gapless.column_enter_row_pinned' ELSE 'gapless.column_enter_row' END;
    note      text := quote_literal(digest);
    noted     text := quote_literal('gapless.note_' || digest);
    number    text := CASE WHEN format IS NULL THEN 'value' ELSE gapless.column_enclose(format) || '::text' END;
    series    text := gapless.column_enclose(name) || '::text';
    due       text := coalesce(gapless.column_enclose(condition), 'true');
    dated     text := CASE WHEN chronology IS NULL THEN 'NULL::timestamp' ELSE chronology END;
    written   text := format('new.%I', target_column);
    value     text := written;
    from_row  text := ' FROM (SELECT NEW.*) AS new';
    source    text := CASE WHEN partitioned THEN '' ELSE 'ONLY ' END || target;
    runs      text;
    enter     text;
    keys      text;
    selected  text;
    following text;
    assign    text[] := '{}'::text[];
    place     text;
    guard     text := '';
    changed   text;
    lost      text := '';
    kept      text;
    -- The trigger function's parts.
    insert_code  text := '';
    arrived_code text := '';
    commit_code  text := '';
    update_code  text := '';
    gone_code    text := '';
BEGIN
    IF format IS NOT NULL THEN
        value := format(
            e'(\n'
            '                SELECT CASE WHEN count(*) = 1 THEN min(v.value) END -- the run of digits that gives the text again\n'
            '                FROM (\n'
            '                    SELECT DISTINCT CASE WHEN length(ltrim(r.run[1], ''0'')) < 20 AND r.run[1]::numeric < 9223372036854775808 THEN r.run[1]::bigint END AS value\n'
            '                    FROM regexp_matches(%1$s, ''[0-9]+'', ''g'') AS r (run)\n'
            '                ) AS v\n'
            '                WHERE v.value IS NOT NULL AND %2$s COLLATE "C" = %1$s COLLATE "C"\n'
            '            )',
            written || '::text', number
        );
    END IF;
    SELECT string_agg(format(
        CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN 'new.%1$I OPERATOR(pg_catalog.=) key.%1$I' ELSE 'new.%1$I = key.%1$I' END, k.column_name
    ), ' AND ') INTO keys
    FROM unnest(key) AS k (column_name)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = target AND a.attname = k.column_name
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid;
    runs := format(
        e'SELECT\n'
        '                n.series,\n'
        '                min(n.value) AS first,\n'
        '                max(n.value) AS last,\n'
        '                count(DISTINCT n.value) AS size,\n'
        '                count(*) AS rows,\n'
        '                %s AS dates\n'
        '            FROM (\n'
        '                SELECT %s COLLATE "C" AS series, %s AS value, %s AS dated\n'
        '                FROM %%s AS new\n'
        '                WHERE %s IS NOT NULL\n'
        '            ) AS n',
        CASE WHEN chronology IS NULL THEN 'NULL::timestamp[]' ELSE 'array_agg(n.dated ORDER BY n.value)' END,
        replace(series, '%', '%%'), replace(value, '%', '%%'), replace(dated, '%', '%%'), replace(written, '%', '%%')
    );
    enter := format(
        e'            IF run.rows <> run.size THEN\n'
        '                PERFORM gapless.column_refuse(CASE WHEN run.size < 1 THEN ''unreadable'' ELSE ''torn'' END, %1$s, run.series, NULL);\n'
        '            END IF;\n'
        '            value := CASE WHEN run.size > 1 OR NOT %6$s(%5$s, run.series, run.first, run.dates[1], NULL) THEN\n'
        '                gapless.column_enter(%1$s, run.series, %2$s, %5$s, run.first, run.last, run.size, run.dates, false)\n'
        '            END;\n'
        '            IF value IS NOT NULL THEN\n'
        '                IF %4$s THEN\n'
        '                    PERFORM gapless.column_refuse(''renamed'', %1$s, NULL, NULL);\n'
        '                END IF;\n'
        '                -- Other rows of this query come before: an UPDATE''s, or those of a statement within it.\n'
        '                %3$s\n'
        '            WHERE n.series = run.series COLLATE "C" AND n.value BETWEEN this.value AND run.last\n'
        '            GROUP BY n.series\n'
        '                INTO run;\n'
        '                IF run.rows <> run.size OR gapless.column_enter(%1$s, run.series, %2$s, %5$s, run.first, run.last, run.size, run.dates, true) IS NOT NULL THEN\n'
        '                    PERFORM gapless.column_refuse(''torn'', %1$s, run.series, NULL);\n'
        '                END IF;\n'
        '            END IF;\n',
        arguments, initial, format(runs, source), renamed, attachment, enter_row
    );
    -- What gives the row in hand its number, or sees to it that commit will: for an INSERT, and for an UPDATE.
    FOREACH place IN ARRAY '{TG_RELID,0}'::text[] LOOP
        assign := assign || ARRAY[
            CASE WHEN condition IS NULL THEN '' ELSE format(e'        IF %s THEN\n', due) END
            || CASE WHEN chronology IS NULL THEN '' ELSE format(
                e'            IF %s IS NULL THEN\n'
                '                PERFORM gapless.column_refuse(''undated'', %s, %s, NULL);\n'
                '            END IF;\n',
                chronology, arguments, series
            ) END
            || CASE WHEN at_commit THEN
                CASE WHEN place = '0' THEN format(
                    e'            IF pg_trigger_depth() > 1 AND current_setting(''gapless.committing'', true) = %1$s THEN\n'
                    '                %9$s := gapless.column_take(%2$s, %3$s, %4$s, %5$s);\n'
                    '%7$s'
                    '%8$s'
                    '%10$s'
                    '                RETURN NEW;\n'
                    '            END IF;\n',
                    note, arguments, series, initial, dated, target_column,
                    CASE WHEN format IS NULL THEN '' ELSE format(e'                NEW.%I := %s;\n', target_column, number) END,
                    CASE WHEN format IS NULL THEN '' ELSE format(
                        e'                IF %1$s IS DISTINCT FROM this.value THEN\n'
                        '                    PERFORM gapless.column_refuse(''unreadable'', %2$s, %3$s, this.value::text);\n'
                        '                END IF;\n',
                        value, arguments, series
                    ) END,
                    CASE WHEN format IS NULL THEN format('NEW.%I', target_column) ELSE 'value' END,
                    CASE WHEN partitioned THEN format(
                        e'                PERFORM gapless.column_move(''take'', %s, %s, %s);\n',
                        series, CASE WHEN format IS NULL THEN format('NEW.%I', target_column) ELSE 'this.value' END, dated
                    ) ELSE '' END
                ) ELSE '' END
                || format(
                    e'            IF (current_setting(''gapless.expected'', true) = ''='' || %1$s) IS NOT TRUE THEN\n'
                    '                PERFORM gapless.column_expect(%2$s, %1$s);\n'
                    '            END IF;\n',
                    series, arguments
                )
            ELSE
                format(
                    CASE WHEN place = '0' THEN
                        e'            %1$s := gapless.column_next(%2$s, %3$s, %4$s, %6$s, %5$s);\n'
                    ELSE
                        e'            %1$s := CASE\n'
                        '                WHEN current_setting(%7$s, true) <> '''' OR current_setting(''gapless.switched'', true) <> '''' -- not the first row of the statement\n'
                        '                THEN gapless.column_next(%2$s, %3$s, %4$s, %6$s, %5$s)\n'
                        '                ELSE %8$s(%2$s, %5$s, %3$s, %4$s, %6$s)\n'
                        '            END;\n'
                    END,
                    CASE WHEN format IS NULL AND NOT partitioned THEN format('NEW.%I', target_column) ELSE 'value' END,
                    arguments, initial, note, series, place, noted, open
                )
                || CASE WHEN format IS NULL AND NOT partitioned THEN '' ELSE format(
                    e'            NEW.%1$I := %2$s;\n'
                    '            IF NEW.%1$I IS NULL THEN\n'
                    '                PERFORM gapless.column_refuse(''unreadable'', %3$s, %4$s, value::text);\n'
                    '            END IF;\n',
                    target_column, number, arguments, series
                ) END
                || CASE WHEN partitioned AND place = '0' THEN format(e'            PERFORM gapless.column_move(''issue'', %s, value, %s);\n', series, dated) ELSE '' END
            END
            || CASE WHEN condition IS NULL THEN '' ELSE
                CASE WHEN at_commit THEN '' ELSE format(
                    e'        ELSIF current_setting(%2$s, true) <> '''' THEN\n'
                    '            value := gapless.column_settle(%1$s);\n', note, noted
                ) END
                || e'        END IF;\n'
            END
        ];
    END LOOP;
    trigger_body := format(
        e'\n-- Numbers %s from gapless: made by gapless.attach_gapless. To change it, detach the column and attach it again.\n'
        '#variable_conflict use_column\n'
        '<<this>>\n'
        'DECLARE\n'
        '    series  pg_catalog.text;\n'
        '    value   bigint;\n'
        '    dated   timestamp;\n'
        '    more    boolean;\n'
        '    run     pg_catalog.record;\n'
        '    old_run pg_catalog.record;\n'
        '    key     pg_catalog.record;\n'
        'BEGIN\n',
        titled
    );
    -- A new row.
    IF partitioned THEN
        lost := format(
            e'        IF TG_LEVEL = ''STATEMENT'' THEN\n'
            '            IF gapless.column_move(CASE TG_OP WHEN ''DELETE'' THEN ''kept'' ELSE ''lost'' END, NULL, NULL, NULL) THEN\n'
            '                PERFORM gapless.column_refuse(''suppressed'', %1$s, NULL, NULL);\n'
            '            ELSIF TG_OP <> ''INSERT'' THEN\n'
            '                RETURN NULL;\n'
            '            END IF;\n'
            '        END IF;\n',
            arguments
        );
        guard := format(
            e'        IF %3$s THEN\n'
            '            PERFORM gapless.column_refuse(''renamed'', %4$s, NULL, NULL);\n'
            '        ELSIF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = TG_RELID AND t.tgname = %1$L) THEN\n'
            '            PERFORM gapless.column_guard(TG_RELID, %2$L, (SELECT t.oid FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = TG_RELID AND t.tgname = TG_NAME));\n'
            '        END IF;\n',
            ('~gapless_truncate_' || target_column)::name, target_column, renamed, arguments
        );
    END IF;
    insert_code := insert_code || format(
        e'    IF TG_ARGV[0] = ''insert'' THEN\n'
        '%2$s'
        '        IF NEW.%1$I IS NOT NULL THEN\n',
        target_column, guard
    );
    IF partitioned THEN
        insert_code := insert_code || format(
            e'            -- Perhaps it comes from another partition.\n'
            '            SELECT %1$s AS series, %2$s AS value, %4$s AS dated INTO run%3$s;\n'
            '            IF gapless.column_move(''arrive'', run.series, run.value, run.dated) THEN\n'
            '                RETURN NEW;\n'
            '            END IF;\n',
            series, value, from_row, dated
        );
    END IF;
    insert_code := insert_code || format(
        e'            PERFORM gapless.column_refuse(''written'', %1$s, NULL, NEW.%2$I::text);\n'
        '        END IF;\n',
        arguments, target_column
    ) || assign[1] || e'        RETURN NEW;\n    END IF;\n';
    -- The rows that arrived. A trigger that fires after those that number can have changed a number.
    changed := format(
        e'        IF OLD.%1$I IS NOT NULL THEN\n'
        '            SELECT %2$s AS series INTO run FROM (SELECT OLD.*) AS new;\n'
        '            PERFORM gapless.column_refuse(''changed'', %3$s, run.series, OLD.%1$I::text);\n'
        '        END IF;\n',
        target_column, series, arguments
    );
    IF NOT at_commit THEN
        IF NOT partitioned THEN
            arrived_code := arrived_code || format(
                e'\n    IF TG_ARGV[0] = ''enter'' THEN\n'
                '        SELECT %1$s, %2$s, %3$s, EXISTS (SELECT FROM inserted OFFSET 1)\n'
                '        INTO series, value, dated, more\n'
                '        FROM inserted AS new\n'
                '        WHERE %4$s IS NOT NULL\n'
                '        LIMIT 1;\n'
                '        IF NOT more AND %9$s(%5$s, series, value, dated, %8$s) THEN\n'
                '            RETURN NULL;\n'
                '        END IF;\n'
                '        IF more IS NOT NULL THEN\n'
                '            FOR run IN\n'
                '            %6$s\n'
                '            GROUP BY n.series\n'
                '            ORDER BY n.series\n'
                '            LOOP\n'
                '%7$s'
                '            END LOOP;\n'
                '        END IF;\n'
                '        value := gapless.column_settle(%8$s);\n'
                '        RETURN NULL;\n'
                '    END IF;\n',
                series, value, dated, written, attachment, format(runs, 'inserted'), enter, note, enter_row
            );
        END IF;
        arrived_code := arrived_code || e'\n    IF TG_ARGV[0] = ''issue'' THEN\n' || changed || e'    END IF;\n' || format(
            e'\n    IF TG_ARGV[0] = ''issue''%1$s THEN\n'
            '            %2$s\n'
            '            GROUP BY n.series\n'
            '            INTO run;\n'
            '%3$s',
            CASE WHEN partitioned THEN ' OR TG_ARGV[0] = ''enter''' ELSE '' END,
            format(runs, '(SELECT NEW.*)'),
            CASE WHEN partitioned THEN
                e'            IF TG_ARGV[0] = ''enter'' AND gapless.column_move(''arrived'', run.series, run.first, NULL) THEN\n'
                '                RETURN NULL;\n'
                '            END IF;\n'
            ELSE '' END
        ) || enter || CASE WHEN partitioned THEN
                e'            IF TG_ARGV[0] = ''issue'' THEN\n'
                '                PERFORM gapless.column_move(''stay'', run.series, run.first, NULL);\n'
                '            END IF;\n'
            ELSE '' END || e'    END IF;\n';
        arrived_code := arrived_code || format(
            e'\n    IF TG_ARGV[0] IN (''enter'', ''issue'', ''settle'') THEN\n'
            '%2$s'
            '        value := gapless.column_settle(%1$s);\n'
            '        RETURN NULL;\n'
            '    END IF;\n',
            note, lost
        );
    ELSE
        arrived_code := arrived_code || e'\n    IF TG_ARGV[0] = ''issue'' THEN\n' || changed || CASE WHEN partitioned THEN format(
            e'        SELECT %1$s AS series, %2$s AS value INTO run%3$s;\n'
            '        PERFORM gapless.column_move(''stay'', run.series, run.value, NULL);\n', series, value, from_row
        ) ELSE '' END || e'        RETURN NULL;\n    END IF;\n';
        IF partitioned THEN
            arrived_code := arrived_code || format(
                e'\n    IF TG_ARGV[0] = ''enter'' THEN\n'
                '        SELECT %1$s AS series, %2$s AS value INTO run%3$s;\n'
                '        IF NOT gapless.column_move(''arrived'', run.series, run.value, NULL) THEN\n'
                '            PERFORM gapless.column_refuse(''written'', %4$s, NULL, NEW.%5$I::text);\n'
                '        END IF;\n'
                '        RETURN NULL;\n'
                '    END IF;\n'
                '\n    IF TG_ARGV[0] = ''settle'' THEN\n'
                '%6$s'
                '        RETURN NULL;\n'
                '    END IF;\n',
                series, value, from_row, arguments, target_column, lost
            );
        END IF;
    END IF;
    -- The row that waits, at commit. What can be done before the lock is taken, is: the UPDATE's trigger takes the number.
    IF at_commit THEN
        commit_code := format(
            e'\n    IF TG_ARGV[0] = ''commit'' THEN\n'
            '        IF %8$s THEN\n'
            '            PERFORM gapless.column_refuse(''renamed'', %7$s, NULL, NULL);\n'
            '        END IF;\n'
            '        IF current_setting(''gapless.several'', true) = ''on'' THEN\n'
            '            PERFORM gapless.column_lock();\n'
            '        END IF;\n'
            '        key := NEW;\n'
            '        PERFORM set_config(''gapless.committing'', %1$s, true);\n'
            '        UPDATE %2$s AS new\n'
            '        SET %3$I = %5$s\n'
            '        WHERE %4$s AND %5$s IS NULL AND %6$s;\n'
            '        IF NOT FOUND THEN -- deleted meanwhile, or numbered already\n'
            '            PERFORM FROM %2$s AS new WHERE %4$s AND %5$s IS NULL AND %6$s;\n'
            '            IF FOUND THEN\n'
            '                PERFORM gapless.column_refuse(''unnumbered'', %7$s, NULL, NULL);\n'
            '            END IF;\n'
            '        END IF;\n'
            '        RETURN NULL;\n'
            '    END IF;\n',
            note, source, target_column, keys, written, due, arguments, renamed
        );
    END IF;
    -- A row that changes. A partition's own triggers are for what may happen to it after it was detached.
    kept := CASE WHEN partitioned THEN format(
        e'    IF TG_ARGV[0] LIKE ''kept%%''\n'
        '        AND EXISTS (SELECT FROM pg_catalog.pg_partition_ancestors(TG_RELID) AS a WHERE a.relid = %L::regclass)\n'
        '    THEN\n'
        '        IF TG_OP = ''UPDATE'' THEN\n'
        '            RETURN NEW; -- the triggers of its table see to it\n'
        '        END IF;\n'
        '        RETURN NULL;\n'
        '    END IF;\n', target
    ) ELSE '' END;
    update_code := update_code || format(
        e'\n%7$s'
        '    IF TG_ARGV[0] %8$s THEN\n'
        '        IF OLD.%1$I IS NOT NULL THEN\n'
        '            SELECT %2$s AS series, %3$s AS value, %4$s AS dated INTO old_run FROM (SELECT OLD.*) AS new;\n'
        '            IF pg_catalog.record_image_ne(ROW(NEW.%1$I), ROW(OLD.%1$I)) THEN\n'
        '                PERFORM gapless.column_refuse(''changed'', %5$s, old_run.series, OLD.%1$I::text);\n'
        '            END IF;\n'
        '            SELECT %2$s AS series, %3$s AS value, %4$s AS dated INTO run%6$s;\n'
        '            IF run IS DISTINCT FROM old_run THEN\n'
        '                PERFORM gapless.column_refuse(''moved'', %5$s, old_run.series, OLD.%1$I::text);\n'
        '            END IF;\n'
        '            RETURN NEW;\n'
        '        END IF;\n'
        '        IF NEW.%1$I IS NOT NULL THEN\n',
        target_column, series, value, dated, arguments, from_row, kept,
        CASE WHEN partitioned THEN 'IN (''update'', ''kept_update'')' ELSE '= ''update''' END
    );
    update_code := update_code || format(
        e'            PERFORM gapless.column_refuse(''written'', %1$s, NULL, NEW.%2$I::text);\n'
        '        END IF;\n',
        arguments, target_column
    ) || guard || assign[2] || e'        RETURN NEW;\n    END IF;\n';
    -- A row that goes.
    gone_code := gone_code || format(
        e'\n    IF TG_ARGV[0] = ''truncate'' THEN\n'
        '        PERFORM gapless.column_truncate(TG_RELID, %1$s);\n'
        '        RETURN NULL;\n'
        '    END IF;\n'
        '\n    -- A deleted row.\n'
        '    SELECT %2$s AS series, %3$s AS value%4$s INTO run FROM (SELECT OLD.*) AS new;\n',
        arguments, series, value, CASE WHEN partitioned THEN format(', %s AS dated', dated) ELSE '' END
    );
    IF partitioned THEN
        gone_code := gone_code ||
            e'    IF TG_ARGV[0] = ''leave'' THEN\n'
            '        PERFORM gapless.column_move(''leave'', run.series, run.value, run.dated);\n'
            '        RETURN OLD;\n'
            '    ELSIF gapless.column_move(''left'', run.series, run.value, NULL) THEN\n'
            '        RETURN NULL;\n'
            '    END IF;\n'
            '    PERFORM gapless.column_move(''stay'', run.series, run.value, NULL);\n';
    END IF;
    gone_code := gone_code || format(
        e'    IF run.value IS NULL OR NOT gapless.column_is_void(run.series, run.value) THEN\n'
        '        PERFORM gapless.column_refuse(''deleted'', %s, run.series, coalesce(run.value::text, OLD.%I::text));\n'
        '    END IF;\n'
        '    RETURN NULL;\n'
        'END;\n',
        arguments, target_column
    );
    -- What holds a lock, comes first.
    trigger_body := trigger_body || CASE WHEN at_commit THEN commit_code || update_code || insert_code || arrived_code
        ELSE insert_code || arrived_code || update_code
    END || gone_code;
    -- The numbers that there are.
    rows_body := format(
        e'\n-- The numbers of %1$s, for gapless.audit_gapless.\n'
        '#variable_conflict use_column\n'
        'DECLARE\n'
        '    relation regclass;\n'
        'BEGIN\n'
        '    SELECT t.tgrelid\n'
        '    FROM pg_catalog.pg_trigger AS t\n'
        '    WHERE t.tgfoid = %2$L::regproc::oid AND t.tgname = %3$L AND t.tgparentid = 0::oid AND t.tgrelid <> %4$L::regclass::oid\n'
        '    INTO relation;\n'
        '    IF FOUND THEN\n'
        '        RAISE EXCEPTION ''%% has been renamed since it was attached, and another table has its name'', relation;\n'
        '    END IF;\n',
        titled, function, ('~gapless_insert_' || target_column)::name, target
    );
    selected := format('SELECT %s, %s, %s::text, %s FROM ', series, value, written, dated);
    following := format(' AS new WHERE %s IS NOT NULL', written);
    rows_body := rows_body || format(e'    RETURN QUERY %s%s%s;\n', selected, source, following);
    IF partitioned THEN
        rows_body := rows_body || format(
            e'    -- Partitions that were detached keep their numbers. Of one that is being detached concurrently, the tree says what\n'
            '    -- the query above saw of it, with the same snapshot.\n'
            '    FOR relation IN\n'
            '        SELECT t.tgrelid\n'
            '        FROM pg_catalog.pg_trigger AS t\n'
            '        WHERE t.tgname = %1$L\n'
            '            AND NOT EXISTS (SELECT FROM pg_catalog.pg_partition_tree(%2$L::regclass) AS p WHERE p.relid = t.tgrelid)\n'
            '            AND t.tgfoid = (\n'
            '            SELECT o.tgfoid FROM pg_catalog.pg_trigger AS o WHERE o.tgrelid = %2$L::regclass AND o.tgname = %3$L\n'
            '        )\n'
            '    LOOP\n'
            '        RETURN QUERY EXECUTE %4$L || relation::text || %5$L;\n'
            '    END LOOP;\n',
            ('~gapless_kept_delete_' || target_column)::name, target, ('~gapless_insert_' || target_column)::name,
            selected, following
        );
    ELSE
        rows_body := rows_body || format(
            e'    -- Tables that inherit from it have no triggers, unless they are attached themselves.\n'
            '    IF EXISTS (SELECT FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = %1$L::regclass) THEN\n'
            '        RETURN QUERY %2$s%3$s%4$s\n'
            '            AND new.tableoid <> %1$L::regclass\n'
            '            AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = new.tableoid AND t.tgname = %5$L);\n'
            '    END IF;\n',
            target, selected, target, following, ('~gapless_insert_' || target_column)::name
        );
    END IF;
    rows_body := rows_body || e'END;\n';
END;
$_$;
COMMENT ON FUNCTION gapless.column_code(target regclass, target_column name, key name[], name text, initial bigint, format text, condition text, chronology text, at_commit boolean, attachment bigint, pinned boolean, function text, OUT trigger_body text, OUT rows_body text) IS 'Private, for attach_gapless. The bodies of the trigger function and of the function that gives the audit the table''s numbers.';
CREATE FUNCTION gapless.column_enclose(expression text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN CASE WHEN expression LIKE '%--%' THEN e'(\n' || expression || e'\n)' ELSE '(' || trim(e' \n\t' FROM expression) || ')' END;
END;
$$;
COMMENT ON FUNCTION gapless.column_enclose(expression text) IS 'Private, for attach_gapless. An expression between parentheses.';
CREATE FUNCTION gapless.column_enter(target regclass, target_column name, name text, initial bigint, attachment bigint, first bigint, last bigint, size bigint, dates timestamp without time zone[], proven boolean) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    newest    gapless.allocation;
    following bigint;
BEGIN
    IF first IS NULL THEN
        PERFORM gapless.column_refuse('unreadable', target, target_column, name, NULL);
    END IF;
    PERFORM FROM gapless.sequence AS s
    WHERE s.name = column_enter.name COLLATE "C"
        AND s.target = column_enter.target
        AND s.target_column = column_enter.target_column
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM gapless.column_refuse('written', target, target_column, name, first::text);
    END IF;
    SELECT a.*
    INTO newest
    FROM gapless.allocation AS a
    WHERE a.name = column_enter.name COLLATE "C"
    ORDER BY a.ordinal DESC
    LIMIT 1;
    following := CASE WHEN newest.last_value IS NULL THEN initial ELSE gapless.successor(newest.last_value, 1, NULL) END;
    IF first < following OR following IS NULL THEN
        -- Entered already, with other rows of this query; or else they are not this transaction's to write.
        IF first <= (
                SELECT a.last_value
                FROM gapless.allocation AS a
                WHERE a.name = column_enter.name COLLATE "C" AND a.txid <> txid_current()
                ORDER BY a.ordinal DESC
                LIMIT 1
            )
            OR newest.last_value IS NULL
            OR EXISTS (
                SELECT FROM gapless.void AS v
                WHERE v.name = column_enter.name COLLATE "C" AND v.value BETWEEN first AND newest.last_value
            )
        THEN
            PERFORM gapless.column_refuse('written', target, target_column, name, first::text);
        ELSIF NOT proven THEN
            RETURN first;
        ELSIF last - first + 1 <> size THEN
            RETURN following;
        ELSIF last <= newest.last_value THEN
            RETURN NULL;
        END IF;
        dates := dates[following - first + 1:size]; -- the rest is to be entered
        size := last - following + 1;
        first := following;
    END IF;
    IF first > following OR last - first + 1 <> size THEN
        RETURN following;
    END IF;
    IF dates IS NOT NULL THEN
        IF newest.dated > dates[1] OR dates <> (SELECT array_agg(d ORDER BY d) FROM unnest(dates) AS d) THEN
            PERFORM gapless.column_refuse('chronology', target, target_column, name, (
                SELECT format('%s after %s', d.dated, d.before)
                FROM (
                    SELECT u.dated, lag(u.dated, 1, newest.dated) OVER (ORDER BY u.i) AS before
                    FROM unnest(dates) WITH ORDINALITY AS u (dated, i)
                ) AS d
                WHERE d.dated < d.before
                LIMIT 1
            ));
        END IF;
    END IF;
    INSERT INTO gapless.allocation (name, ordinal, first_value, last_value, dated, attachment)
    VALUES (
        column_enter.name,
        coalesce(newest.ordinal + (newest.last_value - newest.first_value) + 1, 1),
        column_enter.first,
        column_enter.last,
        dates[size],
        column_enter.attachment
    );
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION gapless.column_enter(target regclass, target_column name, name text, initial bigint, attachment bigint, first bigint, last bigint, size bigint, dates timestamp without time zone[], proven boolean) IS 'Private, for the triggers of attach_gapless. Enters the numbers of rows that arrived into the journal, where column_enter_row has not, after it has verified that they are the sequence''s next ones. Returns NULL, or the first value between the journal and them whose row is still to be found. Raises 23514 for a date before the predecessor''s, 428C9 for numbers that are not the transaction''s own.';
CREATE FUNCTION gapless.column_enter_row(attachment bigint, name text, value bigint, dated timestamp without time zone, note text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
BEGIN
    INSERT INTO gapless.allocation (name, ordinal, first_value, last_value, dated, attachment)
    SELECT newest.name, newest.ordinal, column_enter_row.value, column_enter_row.value, column_enter_row.dated, newest.attachment
    FROM (
        SELECT
            a.name,
            a.ordinal OPERATOR(pg_catalog.+) (a.last_value OPERATOR(pg_catalog.-) a.first_value) OPERATOR(pg_catalog.+) 1 AS ordinal,
            gapless.successor(a.last_value, 1, NULL) AS next,
            a.dated,
            a.attachment
        FROM gapless.allocation AS a
        WHERE a.name OPERATOR(pg_catalog.=) column_enter_row.name COLLATE pg_catalog."C"
        ORDER BY a.ordinal DESC
        LIMIT 1
    ) AS newest
    WHERE newest.next OPERATOR(pg_catalog.=) column_enter_row.value
        AND newest.attachment OPERATOR(pg_catalog.=) column_enter_row.attachment
        AND (newest.dated OPERATOR(pg_catalog.>) column_enter_row.dated) IS NOT TRUE;
    RETURN FOUND AND (note IS NULL OR pg_catalog.set_config(pg_catalog.concat('gapless.note_', note), '', true) OPERATOR(pg_catalog.=) '');
END;
$$;
COMMENT ON FUNCTION gapless.column_enter_row(attachment bigint, name text, value bigint, dated timestamp without time zone, note text) IS 'Private, for the triggers of attach_gapless. Enters the number of one row that arrived into the journal, if it is the next one of a sequence whose newest number the same attachment has entered, and returns whether it has. Locks nothing: column_open has the lock.';
CREATE FUNCTION gapless.column_enter_row_pinned(attachment bigint, name text, value bigint, dated timestamp without time zone, note text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    RETURN gapless.column_enter_row(attachment, column_enter_row_pinned.name, value, dated, note);
END;
$$;
COMMENT ON FUNCTION gapless.column_enter_row_pinned(attachment bigint, name text, value bigint, dated timestamp without time zone, note text) IS 'Private, for the triggers of attach_gapless whose expressions need a search_path of their own: column_enter_row under the usual one.';
CREATE FUNCTION gapless.column_expect(target regclass, target_column name, name text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    noted text := current_setting('gapless.expected', true); -- '=' and the newest name, so that '' is none
BEGIN
    IF column_expect.name IS NULL THEN
        PERFORM gapless.column_refuse('unnamed', target, target_column, NULL, NULL);
    END IF;
    PERFORM gapless.check_name(column_expect.name);
    IF noted <> '' THEN
        PERFORM gapless.check_name(substr(noted, 2));
        INSERT INTO gapless.pending (txid, name)
        VALUES (txid_current(), substr(noted, 2)), (txid_current(), column_expect.name)
        ON CONFLICT DO NOTHING;
        PERFORM set_config('gapless.several', 'on', true);
    END IF;
    PERFORM set_config('gapless.expected', '=' || column_expect.name, true);
END;
$$;
COMMENT ON FUNCTION gapless.column_expect(target regclass, target_column name, name text) IS 'Private, for the triggers of attach_gapless. Notes that the transaction will number a row from the sequence when it commits.';
CREATE FUNCTION gapless.column_expression(target regclass, path text, parameter text, expression text, OUT type regtype, OUT columns smallint[], OUT settings text[]) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
BEGIN
    -- The table's columns stand there twice, so that only those that are written as NEW.column are not ambiguous.
    SELECT format('%s AS new CROSS JOIN (SELECT %s) AS "write NEW.column"', target, string_agg(format('NULL::int AS %I', a.attname), ', '))
    INTO source
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped;
    source := source || ' CROSS JOIN LATERAL (SELECT ';
    rest := ' AS result' || CASE WHEN parameter = 'format' THEN ' FROM (SELECT NULL::bigint AS value) AS "write value"' ELSE '' END || ') AS number';
    BEGIN
        PERFORM set_config('search_path', path, true), set_config('standard_conforming_strings', 'on', true), set_config('transform_null_equals', 'off', true);
        -- Between brackets and then between parentheses: what leaves the one breaks the other. A cursor takes one statement only.
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
    -- Which of the session's settings it may depend on. Plain columns and immutable functions do not; of the stable functions,
    -- concatenation does as its columns do.
    settings := ARRAY(
        SELECT s.name
        FROM (
            VALUES
                ('standard_conforming_strings', strpos(expression, e'\\') > 0),
                ('transform_null_equals', tree LIKE '%{NULLTEST %' OR expression ~* '\mnull\M'),
                ('lc_time', expression LIKE '%TM%'),
                ('lc_numeric', tree ~ ':funcid (1772|1773|1774|1775|1776|1777) '),
                ('lc_monetary', tree ~ ':funcid (1772|1773|1774|1775|1776|1777) '),
                -- By what names mean; and by what functions of other schemas, or values that are printed with their schema, make of it.
                ('search_path', regexp_replace(tree, ':relid \d+', '', 'g') <> regexp_replace(usual, ':relid \d+', '', 'g')
                    OR EXISTS (
                        SELECT
                        FROM regexp_matches(tree, ':(?:funcid|opfuncid) (\d+)', 'g') AS m (found)
                        JOIN pg_catalog.pg_proc AS p ON p.oid = m.found[1]::oid
                        WHERE p.pronamespace <> 'pg_catalog'::regnamespace
                    )
                    OR EXISTS (
                        SELECT
                        FROM (
                            SELECT m.found[1]::oid FROM regexp_matches(tree, ':(?!vartype)\w*type(?:id)? (\d+)', 'g') AS m (found)
                            UNION ALL
                            SELECT a.atttypid FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = target AND (a.attnum = ANY (columns) OR tree ~ '\{VAR :varno \d+ :varattno 0 ')
                        ) AS u (type)
                        JOIN pg_catalog.pg_type AS t ON t.oid = u.type
                        JOIN pg_catalog.pg_type AS e ON e.oid = CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE t.oid END
                        WHERE e.typtype IN ('c', 'd') OR e.typname LIKE 'reg%' OR e.typname = 'record'
                    ))
        ) AS s (name, wanted)
        WHERE s.wanted
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
$$;
COMMENT ON FUNCTION gapless.column_expression(target regclass, path text, parameter text, expression text, OUT type regtype, OUT columns smallint[], OUT settings text[]) IS 'Private, for attach_gapless. Checks that an expression is one scalar over NEW that gives the same result whenever it is evaluated; its type, and the columns that it reads. Raises what is wrong with it: 42601, 42703, 22023 and others.';
CREATE FUNCTION gapless.column_forget(target regclass, target_column name) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    -- As column_code names it.
    PERFORM set_config('gapless.note_' || left(encode(sha256(replace(target::text || ' ' || target_column, e'\\', e'\\\\')::bytea), 'hex'), 12), '', true);
    PERFORM set_config('gapless.switched', '', true);
    PERFORM set_config('gapless.next_' || slot, '', true) FROM generate_series(0, 63) AS slot;
END;
$$;
COMMENT ON FUNCTION gapless.column_forget(target regclass, target_column name) IS 'Private, for attach_gapless and detach_gapless. Drops what this transaction noted of the column''s next numbers.';
CREATE FUNCTION gapless.column_guard(partition regclass, target_column name, trigger_oid oid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
    kind     record;
    function regproc := (SELECT t.tgfoid::regproc FROM pg_catalog.pg_trigger AS t WHERE t.oid = trigger_oid);
    name     name;
    item     record;
BEGIN
    SELECT c.relkind, c.relpersistence INTO STRICT kind FROM pg_catalog.pg_class AS c WHERE c.oid = partition;
    IF kind.relkind = 'f' OR kind.relpersistence <> 'p' THEN
        RAISE EXCEPTION 'partition % cannot be numbered: it is %', partition,
            CASE WHEN kind.relkind = 'f' THEN 'a foreign table' ELSE 'not logged, so that a crash would empty it' END
            USING ERRCODE = 'wrong_object_type', HINT = 'Use an ordinary table as the partition.', SCHEMA = 'gapless';
    END IF;
    BEGIN
        EXECUTE format('LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE NOWAIT', partition);
    EXCEPTION WHEN lock_not_available OR insufficient_privilege THEN
        RETURN; -- a later row will try again; another's partition is the other's to guard
    END;
    FOR item IN
        SELECT *
        FROM (
            VALUES
                ('truncate', 'BEFORE TRUNCATE ON %s FOR EACH STATEMENT'),
                ('settle', 'AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH STATEMENT'),
                ('kept_delete', 'AFTER DELETE ON %s FOR EACH ROW WHEN (OLD.%I IS NOT NULL)'),
                ('kept_update', 'BEFORE UPDATE ON %s FOR EACH ROW WHEN (OLD.%2$I IS NOT NULL)')
        ) AS v (purpose, event)
    LOOP
        name := ('~gapless_' || item.purpose || '_' || target_column)::name;
        CONTINUE WHEN EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = partition AND t.tgname = name);
        BEGIN
            EXECUTE format('CREATE TRIGGER %I ', name)
                || format(item.event, partition, target_column)
                || format(' EXECUTE FUNCTION %s(%L)', function, item.purpose);
        EXCEPTION WHEN duplicate_object THEN
            NULL; -- made since this transaction's snapshot
        END;
    END LOOP;
END;
$_$;
COMMENT ON FUNCTION gapless.column_guard(partition regclass, target_column name, trigger_oid oid) IS 'Private, for attach_gapless and its triggers. Guards a partition against TRUNCATE, and against what may happen to it after it was detached, by triggers of its own; does nothing while others write to it.';
CREATE FUNCTION gapless.column_is_void(name text, value bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM gapless.void AS v
        WHERE v.name = column_is_void.name COLLATE "C" AND v.value = column_is_void.value
    );
END;
$$;
COMMENT ON FUNCTION gapless.column_is_void(name text, value bigint) IS 'Private, for the triggers of attach_gapless. Whether a number was cancelled by void_gapless.';
CREATE FUNCTION gapless.column_lock() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    names text[];
    name  text;
BEGIN
    -- Now and then, what transactions left behind whose rows did not arrive: to look for it costs more than it weighs.
    IF random() < 0.001 THEN
        DELETE FROM gapless.pending AS p
        USING (
            SELECT s.txid, s.name
            FROM gapless.pending AS s
            WHERE s.txid < txid_snapshot_xmin(txid_current_snapshot())
            FOR UPDATE SKIP LOCKED
        ) AS stale
        WHERE p.txid = stale.txid AND p.name = stale.name;
    END IF;
    WITH noted AS (
        DELETE FROM gapless.pending AS p WHERE p.txid = txid_current() RETURNING p.name
    )
    SELECT array_agg(n.name ORDER BY n.name COLLATE "C") INTO names FROM noted AS n;
    FOREACH name IN ARRAY coalesce(names, '{}'::text[]) LOOP
        PERFORM gapless.open_sequence(name, false);
    END LOOP;
    PERFORM set_config('gapless.expected', '', true), set_config('gapless.several', '', true);
END;
$$;
COMMENT ON FUNCTION gapless.column_lock() IS 'Private, for the triggers of attach_gapless. Locks the sequences of all rows that the transaction is to number at commit, in the order of their names.';
CREATE FUNCTION gapless.column_move(step text, name text, value bigint, dated timestamp without time zone) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    entered boolean;
BEGIN
    CASE step
        WHEN 'leave', 'issue', 'take' THEN
            INSERT INTO gapless.moving (txid, name, value, dated, entered, depth)
            VALUES (txid_current(), column_move.name, column_move.value, column_move.dated, step <> 'issue', pg_trigger_depth())
            ON CONFLICT ON CONSTRAINT moving_pkey
            DO UPDATE SET dated = excluded.dated, entered = excluded.entered, arrived = false, depth = excluded.depth;
        WHEN 'arrive' THEN
            UPDATE gapless.moving AS m
            SET arrived = true
            WHERE m.txid = txid_current()
                AND m.name = column_move.name COLLATE "C"
                AND m.value = column_move.value
                AND m.dated IS NOT DISTINCT FROM column_move.dated
                AND NOT m.arrived;
        WHEN 'left' THEN
            PERFORM FROM gapless.moving AS m
            WHERE m.txid = txid_current()
                AND m.name = column_move.name COLLATE "C"
                AND m.value = column_move.value
                AND m.arrived;
        WHEN 'arrived' THEN
            DELETE FROM gapless.moving AS m
            WHERE m.txid = txid_current()
                AND m.name = column_move.name COLLATE "C"
                AND m.value = column_move.value
                AND m.arrived
            RETURNING m.entered
            INTO entered;
            RETURN coalesce(entered, false);
        WHEN 'stay' THEN
            DELETE FROM gapless.moving AS m
            WHERE m.txid = txid_current()
                AND m.name = column_move.name COLLATE "C"
                AND m.value = column_move.value;
        WHEN 'lost', 'kept' THEN
            -- Statements around this one have rows on their way, too.
            PERFORM FROM gapless.moving AS m
            WHERE m.txid = txid_current() AND m.depth >= pg_trigger_depth() AND NOT (step = 'kept' AND m.arrived);
    END CASE;
    RETURN FOUND;
END;
$$;
COMMENT ON FUNCTION gapless.column_move(step text, name text, value bigint, dated timestamp without time zone) IS 'Private, for the triggers of attach_gapless. Follows a numbered row from one partition to another, so that a move is told from a row deleted or a number written by hand.';
CREATE FUNCTION gapless.column_next(target regclass, target_column name, initial bigint, note text, relation oid, name text) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    noted     text     := current_setting('gapless.note_' || note, true);
    place     bigint[] := nullif(left(noted, strpos(noted, '}')), '')::bigint[];
    series    text     := substr(noted, strpos(noted, '}') + 1);
    following bigint;
    value     bigint;
    slot      text;
    entries   text;
    entry     text;
BEGIN
    IF relation <> 0::oid AND current_setting('track_counts') = 'off' THEN
        PERFORM gapless.column_refuse('uncounted', target, target_column, name, NULL);
    END IF;
    IF place[1] = relation::bigint AND series = name AND relation <> 0::oid THEN
        following := pg_stat_get_xact_tuples_inserted(relation) - place[2];
        IF place[3] > 9223372036854775807 - following THEN
            PERFORM gapless.column_refuse('exhausted', target, target_column, name, NULL);
        END IF;
        RETURN place[3] + following;
    END IF;
    following := gapless.column_settle(note);
    IF series = name THEN
        value := following;
    ELSE
        IF following IS NOT NULL THEN
            PERFORM set_config('gapless.switched', 'on', true);
            slot := 'gapless.next_' || (hashtext(series) & 63)::text;
            PERFORM set_config(slot, coalesce(current_setting(slot, true), '') || e'\n' || hashtextextended(series, 0::bigint)::text || e'\t' || following::text || ';', true);
        END IF;
        slot := 'gapless.next_' || (hashtext(name) & 63)::text;
        entries := current_setting(slot, true);
        entry := e'\n' || hashtextextended(name, 0::bigint)::text || e'\t';
        IF strpos(entries, entry) > 0 THEN
            value := split_part(substr(entries, strpos(entries, entry) + length(entry)), ';', 1)::bigint;
            PERFORM set_config(slot, replace(entries, entry || value::text || ';', ''), true);
        END IF;
    END IF;
    IF value IS NULL THEN
        value := gapless.column_open_pinned(target, target_column, name, initial, NULL, relation);
    END IF;
    PERFORM set_config('gapless.note_' || note, CASE
        WHEN relation <> 0::oid THEN '{' || relation::text || ',' || pg_stat_get_xact_tuples_inserted(relation)::text || ',' || value::text || '}'
        WHEN value < 9223372036854775807 THEN '{0,0,' || (value + 1::bigint)::text || '}'
        ELSE '{0,0,NULL}'
    END || name, true);
    RETURN value;
END;
$$;
COMMENT ON FUNCTION gapless.column_next(target regclass, target_column name, initial bigint, note text, relation oid, name text) IS 'Private, for the triggers of attach_gapless. The number of the row in hand: the one after the statement''s row before it, which is told by a setting that column_enter''s check makes safe, or column_open''s. Runs with the rights and the search_path of the trigger''s function, for speed. Locks and raises as column_open.';
CREATE FUNCTION gapless.column_open(target regclass, target_column name, name text, initial bigint, note text, relation oid) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
DECLARE
    locked boolean;
    value  bigint;
    noted  pg_catalog.text;
BEGIN
    -- The hot path: every expression of its own costs a transaction a microsecond or two, and every statement several.
    SELECT true
    INTO locked
    FROM gapless.sequence AS s
    WHERE s.name OPERATOR(pg_catalog.=) column_open.name COLLATE pg_catalog."C"
        AND s.target OPERATOR(pg_catalog.=) column_open.target
        AND s.target_column OPERATOR(pg_catalog.=) column_open.target_column
    FOR NO KEY UPDATE;
    -- In a statement after the lock's, so that READ COMMITTED reads what its last holder wrote.
    SELECT
        gapless.successor(a.last_value, 1, NULL),
        CASE WHEN note IS NOT NULL THEN pg_catalog.set_config(
            pg_catalog.concat('gapless.note_', note),
            pg_catalog.concat(
                '{', relation, ',', pg_catalog.pg_stat_get_xact_tuples_inserted(relation), ',', gapless.successor(a.last_value, 1, NULL), '}', a.name
            ),
            true
        ) END
    INTO value, noted
    FROM gapless.allocation AS a
    WHERE a.name OPERATOR(pg_catalog.=) column_open.name COLLATE pg_catalog."C"
    ORDER BY a.ordinal DESC
    LIMIT 1;
    IF locked AND value IS NOT NULL AND pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.=) 'read committed' THEN
        RETURN value;
    END IF;
    RETURN gapless.column_open_first(target, target_column, column_open.name, initial, note, relation);
END;
$$;
COMMENT ON FUNCTION gapless.column_open(target regclass, target_column name, name text, initial bigint, note text, relation oid) IS 'Private, for the triggers of attach_gapless. Locks the sequence of a column until the transaction ends, and returns what the next row will be numbered; column_enter then enters the rows that arrived. Runs under the caller''s search_path, for speed. Raises what column_open_first raises.';
CREATE FUNCTION gapless.column_open_first(target regclass, target_column name, name text, initial bigint, note text, relation oid) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    owner gapless.sequence;
    value bigint;
BEGIN
    IF column_open_first.name IS NULL THEN
        PERFORM gapless.column_refuse('unnamed', target, target_column, NULL, NULL);
    END IF;
    PERFORM gapless.check_name(column_open_first.name);
    PERFORM gapless.open_sequence(column_open_first.name, false);
    SELECT s.* INTO STRICT owner FROM gapless.sequence AS s WHERE s.name = column_open_first.name COLLATE "C";
    IF (owner.target, owner.target_column) IS DISTINCT FROM (column_open_first.target, column_open_first.target_column) THEN
        PERFORM gapless.column_claim(target, target_column, column_open_first.name);
    END IF;
    SELECT a.last_value
    INTO value
    FROM gapless.allocation AS a
    WHERE a.name = column_open_first.name COLLATE "C"
    ORDER BY a.ordinal DESC
    LIMIT 1;
    value := CASE WHEN FOUND THEN gapless.successor(value, 1, NULL) ELSE initial END;
    IF value IS NULL THEN
        PERFORM gapless.raise_exhausted(column_open_first.name, 1);
    END IF;
    IF note IS NOT NULL THEN
        PERFORM set_config(
            'gapless.note_' || note,
            concat('{', relation, ',', pg_stat_get_xact_tuples_inserted(relation), ',', value, '}', column_open_first.name),
            true
        );
    END IF;
    -- A row that this snapshot cannot see (REPEATABLE READ and above) would come to light only as a double in the table.
    -- Writing the journal's next row raises 40001 for it; that row is not meant to stay.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        INSERT INTO gapless.allocation (name, ordinal, first_value, last_value)
        SELECT
            column_open_first.name,
            coalesce(max(a.ordinal + (a.last_value - a.first_value)), 0) + 1,
            value,
            value
        FROM (
            SELECT a.ordinal, a.first_value, a.last_value
            FROM gapless.allocation AS a
            WHERE a.name = column_open_first.name COLLATE "C"
            ORDER BY a.ordinal DESC
            LIMIT 1
        ) AS a
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            PERFORM gapless.raise_stale(column_open_first.name);
        END IF;
        DELETE FROM gapless.allocation AS a
        WHERE a.name = column_open_first.name COLLATE "C"
            AND a.ordinal = (
                SELECT b.ordinal
                FROM gapless.allocation AS b
                WHERE b.name = column_open_first.name COLLATE "C"
                ORDER BY b.ordinal DESC
                LIMIT 1
            );
    END IF;
    RETURN value;
END;
$$;
COMMENT ON FUNCTION gapless.column_open_first(target regclass, target_column name, name text, initial bigint, note text, relation oid) IS 'Private, for column_open, which calls it where it has no plain next number: the column''s first use of a sequence, REPEATABLE READ and above, the end of the range. Locks the sequence, making it if there is none. Raises 55000 where the sequence belongs to another column, 22004 and 22023 for its name, 2200H, 40001.';
CREATE FUNCTION gapless.column_open_pinned(target regclass, target_column name, name text, initial bigint, note text, relation oid) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    RETURN gapless.column_open(target, target_column, column_open_pinned.name, initial, note, relation);
END;
$$;
COMMENT ON FUNCTION gapless.column_open_pinned(target regclass, target_column name, name text, initial bigint, note text, relation oid) IS 'Private, for the triggers of attach_gapless whose expressions need a search_path of their own: column_open under the usual one.';
CREATE FUNCTION gapless.column_refuse(fault text, target regclass, target_column name, name text, detail text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    table_name  text := (SELECT c.relname::text FROM pg_catalog.pg_class AS c WHERE c.oid = target);
    schema_name text := (
        SELECT n.nspname::text
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = target
    );
    what        text := format('column "%s" of table "%s"', target_column, table_name);
    message     text;
    hint        text;
    code        text;
BEGIN
    CASE fault
        WHEN 'written' THEN
            code := 'generated_always';
            message := format('%s numbers itself, so %s cannot be written into it', what, detail);
            hint := 'Leave the column out, or give NULL; the statement''s RETURNING has the number.';
        WHEN 'changed' THEN
            code := 'generated_always';
            message := format('%s numbers itself: %s of sequence "%s" cannot be changed', what, detail, name);
            hint := 'Keep the number. To cancel it, void it with gapless.void_gapless and number a new row.';
        WHEN 'moved' THEN
            code := 'restrict_violation';
            message := format('%s: an update cannot take %s from sequence "%s"', what, detail, name);
            hint := 'What the sequence, the text or the date of a number is made of stays as it is. Void the number with gapless.void_gapless, and insert a new row.';
        WHEN 'deleted' THEN
            code := 'restrict_violation';
            message := format('a numbered row of table "%s" cannot be deleted: %s of sequence "%s"', table_name, detail, name);
            hint := coalesce(
                'Void the number first: SELECT gapless.void_gapless(' || quote_literal(name) || ', ' || detail || ', ''why'').',
                'Its sequence is unknown, since the expression name gives NULL for it.'
            );
        WHEN 'truncated' THEN
            code := 'restrict_violation';
            message := format('table "%s" cannot be truncated: it has numbered rows', table_name);
            hint := 'Void the numbers with gapless.void_gapless and DELETE the rows; or detach the column.';
        WHEN 'snapshot' THEN
            code := 'restrict_violation';
            message := format('table "%s" cannot be truncated in this transaction, which may not see all of its numbered rows', table_name);
            hint := 'Use READ COMMITTED.';
        WHEN 'chronology' THEN
            code := 'check_violation';
            message := format('a row of table "%s" is dated before its predecessor in sequence "%s": %s', table_name, name, detail);
            hint := 'Numbers of this sequence follow the dates. Date the row no earlier than the newest one; in one statement, ORDER BY the date.';
        WHEN 'undated' THEN
            code := 'null_value_not_allowed';
            message := format('a row of table "%s" has no date, which sequence "%s" needs', table_name, name);
            hint := 'The expression chronology of gapless.attach_gapless gave NULL for it.';
        WHEN 'unnamed' THEN
            code := 'null_value_not_allowed';
            message := format('a row of table "%s" cannot be numbered: the name of its sequence is NULL', table_name);
            hint := 'The expression name of gapless.attach_gapless gave NULL for it: something that it reads is missing.';
        WHEN 'unreadable' THEN
            code := 'invalid_parameter_value';
            message := format('%s: the number %s of sequence "%s" cannot be read back from its text', what, coalesce(detail, ''), name);
            hint := 'Exactly one run of digits in it has to give the same text again. Attach the column with another format.';
        WHEN 'torn' THEN
            code := 'serialization_failure';
            message := format('rows of table "%s" arrived with other numbers of sequence "%s" than they were given', table_name, name);
            hint := 'Retry. If it happens again, a trigger of the table changes numbers, or deletes or inserts rows while the statement runs.';
        WHEN 'suppressed' THEN
            code := 'restrict_violation';
            message := format('%s: a numbered row of a partition was skipped on its way to another, or to be deleted', what);
            hint := 'A BEFORE trigger of the partition for INSERT or DELETE skips it. Drop it; or give it a name before ''~'', and let it leave numbered rows alone.';
        WHEN 'renamed' THEN
            code := 'object_not_in_prerequisite_state';
            message := format('%s was attached when the table had another name, which another one has now', what);
            hint := 'Detach the column and attach it again: gapless.detach_gapless, gapless.attach_gapless.';
        WHEN 'unnumbered' THEN
            code := 'restrict_violation';
            message := format('%s: a row that has to be numbered could not be updated', what);
            hint := 'A BEFORE UPDATE trigger of the table skips it.';
        WHEN 'exhausted' THEN
            schema_name := 'gapless';
            code := 'sequence_generator_limit_exceeded';
            message := format('%s: sequence "%s" has no number left below 9223372036854775808', what, name);
            hint := 'Let the expression name of gapless.attach_gapless give another name.';
        WHEN 'uncounted' THEN
            code := 'object_not_in_prerequisite_state';
            message := format('%s cannot number rows while track_counts is off', what);
            hint := 'Turn track_counts on, as autovacuum needs it, too.';
    END CASE;
    RAISE EXCEPTION '%', message
        USING ERRCODE = code, HINT = hint,
            SCHEMA = schema_name, TABLE = table_name, COLUMN = target_column, CONSTRAINT = 'gapless_' || fault;
END;
$$;
COMMENT ON FUNCTION gapless.column_refuse(fault text, target regclass, target_column name, name text, detail text) IS 'Private, for the triggers of attach_gapless. Raises what is wrong with a row: 428C9 (a number written or changed), 23001 (a numbered row deleted, truncated or moved out of its sequence), 23514 (chronology) and others, with the table and the column in the error''s fields.';
CREATE FUNCTION gapless.column_release(target regclass, target_column name) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF gapless.attached_column(target, target_column) IS NULL THEN
        UPDATE gapless.sequence AS s
        SET target = NULL, target_column = NULL
        WHERE s.target = column_release.target AND s.target_column = column_release.target_column;
    END IF;
END;
$$;
COMMENT ON FUNCTION gapless.column_release(target regclass, target_column name) IS 'Private, for detach_gapless. Gives the sequences of a column that is detached back to whoever calls next_gapless.';
CREATE FUNCTION gapless.column_settle(note text) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    noted     text     := current_setting('gapless.note_' || note, true);
    place     bigint[] := nullif(left(noted, strpos(noted, '}')), '')::bigint[];
    following bigint;
BEGIN
    IF place[1] <> 0::bigint THEN
        following := pg_stat_get_xact_tuples_inserted(place[1]::oid) - place[2];
        place[3] := CASE WHEN place[3] <= 9223372036854775807 - following THEN place[3] + following END;
        noted := set_config('gapless.note_' || note, '{0,0,' || coalesce(place[3]::text, 'NULL') || '}' || substr(noted, strpos(noted, '}') + 1), true);
    END IF;
    RETURN place[3];
END;
$$;
COMMENT ON FUNCTION gapless.column_settle(note text) IS 'Private, for the triggers of attach_gapless. Brings column_next''s note up to date; the number that it has for the next row. Runs with the rights and the search_path of the trigger''s function.';
CREATE FUNCTION gapless.column_take(target regclass, target_column name, name text, initial bigint, dated timestamp without time zone) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    value bigint;
BEGIN
    IF current_setting('transaction_isolation') = 'read committed' THEN
        PERFORM FROM gapless.sequence AS s
        WHERE s.name = column_take.name COLLATE "C"
            AND s.target = column_take.target
            AND s.target_column = column_take.target_column
        FOR NO KEY UPDATE;
        IF FOUND THEN
            -- In a statement after the lock's, so that it reads what the lock's last holder wrote.
            INSERT INTO gapless.allocation (name, ordinal, first_value, last_value, dated)
            SELECT newest.name, newest.ordinal, newest.value, newest.value, column_take.dated
            FROM (
                SELECT
                    a.name,
                    a.ordinal + (a.last_value - a.first_value) + 1 AS ordinal,
                    gapless.successor(a.last_value, 1, NULL) AS value,
                    a.dated
                FROM gapless.allocation AS a
                WHERE a.name = column_take.name COLLATE "C"
                ORDER BY a.ordinal DESC
                LIMIT 1
            ) AS newest
            WHERE newest.value IS NOT NULL AND (newest.dated > column_take.dated) IS NOT TRUE
            RETURNING last_value INTO value;
            IF FOUND THEN
                RETURN value;
            END IF;
        END IF;
    END IF;
    value := gapless.column_open(target, target_column, column_take.name, initial, NULL, NULL);
    IF gapless.column_enter(
        target, target_column, column_take.name, initial, NULL, value, value, 1,
        CASE WHEN column_take.dated IS NOT NULL THEN ARRAY[column_take.dated] END, true
    ) IS NOT NULL THEN
        PERFORM gapless.column_refuse('torn', target, target_column, column_take.name, NULL);
    END IF;
    RETURN value;
END;
$$;
COMMENT ON FUNCTION gapless.column_take(target regclass, target_column name, name text, initial bigint, dated timestamp without time zone) IS 'Private, for the triggers of attach_gapless. The next number of a column for a row that is there already, entered into the journal at once. Locks and raises as column_open and column_enter.';
CREATE FUNCTION gapless.column_truncate(relation regclass, target regclass, target_column name) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
    numbered boolean;
BEGIN
    -- TRUNCATE removes rows whether this transaction's snapshot has them or not.
    IF current_setting('transaction_isolation') <> 'read committed' AND EXISTS (
        SELECT FROM pg_catalog.pg_class AS c
        WHERE (c.oid = relation OR c.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(relation) AS p))
            AND pg_relation_size(c.oid) > 0
    ) THEN
        PERFORM gapless.column_refuse('snapshot', target, target_column, NULL, NULL);
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS t WHERE t.%I IS NOT NULL)', relation, target_column) INTO numbered;
    IF numbered THEN
        PERFORM gapless.column_refuse('truncated', target, target_column, NULL, NULL);
    END IF;
END;
$$;
COMMENT ON FUNCTION gapless.column_truncate(relation regclass, target regclass, target_column name) IS 'Private, for the triggers of attach_gapless. Raises 23001 when the table has numbered rows, or may have some that the transaction''s snapshot does not show.';
CREATE FUNCTION gapless.delete_gapless(name text DEFAULT 'default'::text, nowait boolean DEFAULT false) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    deleted  gapless.sequence;
    attached text;
BEGIN
    PERFORM gapless.check_name(delete_gapless.name);
    IF delete_gapless.nowait AND NOT gapless.lock_sequence(delete_gapless.name, true) THEN
        RETURN false;
    END IF;
    -- Written before anything is read: a holder's row is seen only by a statement after the wait, and
    -- transactions with an older snapshot get 40001. Another round is due when the holder remade it.
    LOOP
        DELETE FROM gapless.sequence AS s WHERE s.name = delete_gapless.name COLLATE "C" RETURNING s.* INTO deleted;
        EXIT WHEN FOUND;
        IF NOT EXISTS (SELECT FROM gapless.sequence AS s WHERE s.name = delete_gapless.name COLLATE "C") THEN
            RETURN false;
        END IF;
    END LOOP;
    attached := gapless.attached_column(deleted.target, deleted.target_column);
    IF attached IS NOT NULL THEN
        RAISE EXCEPTION 'sequence "%" cannot be deleted: column % numbers itself from it', deleted.name, attached
            USING ERRCODE = 'dependent_objects_still_exist',
                HINT = 'Detach the column first, with gapless.detach_gapless.',
                SCHEMA = 'gapless', TABLE = 'sequence', CONSTRAINT = 'sequence_target';
    END IF;
    -- A journal row that this snapshot cannot see would stay behind and number the next sequence of that
    -- name. It stands at the next ordinal, where this row collides with it: 40001.
    INSERT INTO gapless.allocation (name, ordinal, first_value, last_value)
    SELECT a.name, a.ordinal + (a.last_value - a.first_value) + 1, a.last_value, a.last_value
    FROM gapless.allocation AS a
    WHERE a.name = delete_gapless.name COLLATE "C"
    ORDER BY a.ordinal DESC
    LIMIT 1
    ON CONFLICT DO NOTHING;
    DELETE FROM gapless.allocation AS a WHERE a.name = delete_gapless.name COLLATE "C";
    DELETE FROM gapless.void AS v WHERE v.name = delete_gapless.name COLLATE "C";
    RETURN true;
END;
$$;
COMMENT ON FUNCTION gapless.delete_gapless(name text, nowait boolean) IS 'Forgets a sequence, its journal and its voids; true if it existed. The next call of next_gapless begins anew, so numbers already used come again. Locks the sequence until the transaction ends. Raises 55P03 when it is busy and nowait is set, or after lock_timeout; 2BP01 while a column numbers itself from it; 22004, 22023 for the name; 40001.';
CREATE FUNCTION gapless.detach_gapless(target regclass, target_column name) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    function regproc;
    owners   record;
    item     record;
BEGIN
    IF target IS NULL OR target_column IS NULL THEN
        RAISE EXCEPTION 'the table and the column must not be NULL'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Give both.', SCHEMA = 'gapless';
    ELSIF NOT (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class AS c WHERE c.oid = target) THEN
        RAISE EXCEPTION 'only the owner of table % can detach a column of it', target
            USING ERRCODE = 'insufficient_privilege', HINT = 'Ask a member of the role that owns it.', SCHEMA = 'gapless';
    ELSIF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'column "%" of table % cannot be detached in a transaction that may not see all of its sequences', target_column, target
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Use READ COMMITTED.', SCHEMA = 'gapless', CONSTRAINT = 'detach_snapshot';
    END IF;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', target);
    SELECT t.tgfoid::regproc AS function, pg_get_userbyid(p.proowner) AS of_function, pg_get_userbyid(c.relowner) AS of_table
    INTO owners
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
    JOIN pg_catalog.pg_proc AS p
        ON p.oid = t.tgfoid AND p.prosecdef
    WHERE t.tgrelid = target AND t.tgname = ('~gapless_insert_' || target_column)::name AND octet_length(target_column) <= 42;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'column "%" of table % is not attached', target_column, target
            USING ERRCODE = 'undefined_object', HINT = 'The view gapless.sequences shows the columns that are.', SCHEMA = 'gapless';
    ELSIF owners.of_function <> owners.of_table THEN
        RAISE EXCEPTION 'column "%" of table % cannot be detached: its table belongs to role %, and its functions to %', target_column, target, owners.of_table, owners.of_function
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = format('ALTER FUNCTION %s() OWNER TO %I; and the same for the function whose name ends in _rows.', owners.function, owners.of_table),
                SCHEMA = 'gapless', CONSTRAINT = 'detach_owner';
    END IF;
    function := owners.function;
    FOR item IN
        SELECT t.tgname, t.tgrelid::regclass AS relation
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgfoid = function AND t.tgparentid = 0 AND t.tgname LIKE '~gapless\_%'
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', item.tgname, item.relation);
    END LOOP;
    FOR item IN
        SELECT p.oid::regprocedure AS signature
        FROM pg_catalog.pg_proc AS f
        JOIN pg_catalog.pg_proc AS p ON p.pronamespace = f.pronamespace AND p.pronargs = 0 AND p.proname IN (f.proname, f.proname || '_rows')
        WHERE f.oid = function
    LOOP
        EXECUTE format('DROP FUNCTION %s', item.signature);
    END LOOP;
    PERFORM gapless.column_release(target, target_column);
    PERFORM gapless.column_forget(target, target_column);
END;
$$;
COMMENT ON FUNCTION gapless.detach_gapless(target regclass, target_column name) IS 'Ends what attach_gapless began: the column is an ordinary one again, its numbers stay, and next_gapless may take from its sequences. For the table''s owner. Locks the table and the sequences until the transaction ends. Raises 22004, 42501, 42704 where it is not attached, 55000 outside READ COMMITTED and where the table has another owner than the functions.';
CREATE FUNCTION gapless.flush_gapless(txid bigint DEFAULT NULL::bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    own    bigint;
    status text;
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'a standby cannot make anything durable'
            USING ERRCODE = 'read_only_sql_transaction', HINT = 'Call gapless.flush_gapless on the primary.', SCHEMA = 'gapless';
    ELSIF flush_gapless.txid IS NOT NULL THEN
        -- What the server has given out comes before this transaction's own id, which it may get just now, or before the end of
        -- its snapshot. A transaction that has had both for a while (REPEATABLE READ and above) cannot tell.
        own := txid_current_if_assigned();
        IF flush_gapless.txid NOT BETWEEN 0 AND greatest(coalesce(own, txid_current() - 1), txid_snapshot_xmax(txid_current_snapshot()) - 1) THEN
            IF own < flush_gapless.txid AND current_setting('transaction_isolation') <> 'read committed' THEN
                RAISE EXCEPTION 'transaction % is newer than this one, which cannot tell whether it has committed', flush_gapless.txid
                    USING ERRCODE = 'invalid_transaction_state',
                        HINT = 'Call gapless.flush_gapless after COMMIT, in a transaction of its own.',
                        SCHEMA = 'gapless', CONSTRAINT = 'flush_txid';
            END IF;
            RAISE EXCEPTION 'transaction % has not committed: the server has given out no such number, or it is still running', flush_gapless.txid
                USING ERRCODE = 'invalid_parameter_value',
                    HINT = 'Give what txid_current(), or gapless.mark_gapless, returned in a transaction that has ended on this server. After a crash or a fail-over, the transaction was lost.',
                    SCHEMA = 'gapless', CONSTRAINT = 'flush_txid';
        END IF;
        status := pg_xact_status(flush_gapless.txid::text::xid8);
        IF status = 'aborted' THEN
            RAISE EXCEPTION 'transaction % was rolled back', flush_gapless.txid
                USING ERRCODE = 'transaction_rollback',
                    HINT = 'A statement of it failed, and so its COMMIT was a ROLLBACK. Run it again.',
                    SCHEMA = 'gapless', CONSTRAINT = 'flush_txid';
        ELSIF status IS DISTINCT FROM 'committed' THEN
            RAISE EXCEPTION 'transaction % is %', flush_gapless.txid, coalesce(status, 'too old to tell')
                USING ERRCODE = 'object_not_in_prerequisite_state',
                    HINT = 'Call gapless.flush_gapless after COMMIT, in a transaction of its own.',
                    SCHEMA = 'gapless', CONSTRAINT = 'flush_txid';
        END IF;
    END IF;
    -- In the body: a SET clause would be undone before the commit.
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    -- Transactional: one that is not would not be flushed before PostgreSQL 17.
    PERFORM pg_logical_emit_message(true, 'gapless', '');
END;
$$;
COMMENT ON FUNCTION gapless.flush_gapless(txid bigint) IS 'The barrier of group commit: when the transaction that calls this has committed, all that committed before is as durable as a commit with synchronous_commit on. For transactions with synchronous_commit = off. With a txid it raises unless that transaction has committed: COMMIT; SELECT gapless.flush_gapless(txid), as one message, fails where COMMIT became a ROLLBACK. Locks nothing. Raises 40000 (rolled back), 55000 (still running, or too old to tell), 22023 (no such transaction), 25000 (newer than the caller''s, which has written under REPEATABLE READ or above), 25006 on a standby.';
CREATE FUNCTION gapless.grant_gapless(role name) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM gapless.check_role(grant_gapless.role);
    EXECUTE format('GRANT USAGE ON SCHEMA gapless TO %I', grant_gapless.role);
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION gapless.next_gapless, gapless.next_gapless_batch, '
        'gapless.last_gapless, gapless.peek_gapless, '
        'gapless.mark_gapless, gapless.outcome_gapless, gapless.flush_gapless TO %I',
        grant_gapless.role
    );
    EXECUTE format('GRANT SELECT ON TABLE gapless.sequences, gapless.holders TO %I', grant_gapless.role);
END;
$$;
COMMENT ON FUNCTION gapless.grant_gapless(role name) IS 'Gives a role what an application needs: USAGE on the schema, EXECUTE on the functions that allocate, read, and see to commits, SELECT on the views. To delete, adopt and prune is granted one by one, by hand. Whoever may allocate may also restart a sequence, by giving a reset: a unique index on the numbered column guards against that. Call it again after an upgrade. Raises 22004 for NULL, 42704 where there is no such role. ''public'' is everyone, as in GRANT.';
CREATE FUNCTION gapless.last_gapless(name text DEFAULT 'default'::text) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    PERFORM gapless.check_name(last_gapless.name);
    RETURN (
        SELECT a.last_value
        FROM gapless.allocation AS a
        WHERE a.name = last_gapless.name COLLATE "C"
        ORDER BY a.ordinal DESC
        LIMIT 1
    );
END;
$$;
COMMENT ON FUNCTION gapless.last_gapless(name text) IS 'The newest value of a sequence in the caller''s snapshot, its own uncommitted ones included; NULL if there is none. Takes no lock, so another transaction may be past it already. Raises 22004 or 22023 for the name.';
CREATE FUNCTION gapless.lock_sequence(name text, nowait boolean) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    locked boolean;
BEGIN
    IF lock_sequence.nowait THEN
        -- SKIP LOCKED and not NOWAIT, whose error names the table and not the sequence.
        PERFORM FROM gapless.sequence AS s
        WHERE s.name = lock_sequence.name COLLATE "C"
        FOR NO KEY UPDATE SKIP LOCKED;
        locked := FOUND;
        IF NOT locked AND EXISTS (
            SELECT FROM gapless.sequence AS s WHERE s.name = lock_sequence.name COLLATE "C"
        ) THEN
            PERFORM gapless.raise_locked(lock_sequence.name);
        END IF;
    ELSE
        PERFORM FROM gapless.sequence AS s
        WHERE s.name = lock_sequence.name COLLATE "C"
        FOR NO KEY UPDATE;
        locked := FOUND;
    END IF;
    RETURN locked;
END;
$$;
COMMENT ON FUNCTION gapless.lock_sequence(name text, nowait boolean) IS 'Private. Locks a sequence until the transaction ends; false if it does not exist. Raises 55P03 when it is busy and nowait is set.';
CREATE FUNCTION gapless.mark_gapless(token uuid) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF mark_gapless.token IS NULL THEN
        RAISE EXCEPTION 'the token that marks a transaction must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give a new uuid, and keep it: gapless.outcome_gapless asks for it.',
                SCHEMA = 'gapless', TABLE = 'allocation', COLUMN = 'token';
    END IF;
    PERFORM
        set_config('gapless.token', mark_gapless.token::text, true),
        pg_advisory_xact_lock(uuid_hash_extended(mark_gapless.token, 0));
    RETURN txid_current();
END;
$$;
COMMENT ON FUNCTION gapless.mark_gapless(token uuid) IS 'Marks the caller''s transaction with a token, a new uuid, and returns the transaction''s id: with both, gapless.outcome_gapless finds out, on another connection, whether it committed. For the first statement of a transaction. Allocations write the token into the journal; an advisory lock on it is held until the transaction ends. Raises 22004 for NULL, and 25006 on a standby.';
CREATE FUNCTION gapless.next_gapless(name text DEFAULT 'default'::text, initial bigint DEFAULT 1, reset bigint DEFAULT NULL::bigint, nowait boolean DEFAULT false) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    start bigint := coalesce(next_gapless.initial, 1);
    value bigint;
BEGIN
    -- The hot path: every statement here costs all who wait. What it cannot do is left to next_gapless_batch,
    -- below: the first value, nowait, what is to be refused, the end of the range, and the isolation levels
    -- at which INSERT needs ON CONFLICT, which costs it a second WAL record and 3 of some 25 microseconds.
    IF current_setting('transaction_isolation') = 'read committed'
        AND (next_gapless.nowait OR next_gapless.reset <= start) IS NOT TRUE
    THEN
        PERFORM FROM gapless.sequence AS s
        WHERE s.name = next_gapless.name COLLATE "C" AND s.target IS NULL
        FOR NO KEY UPDATE;
        IF FOUND THEN
            -- A statement of its own, so that it reads what the lock's last holder wrote. The column defaults
            -- fill in who and when.
            INSERT INTO gapless.allocation (name, ordinal, first_value, last_value)
            SELECT newest.name, newest.ordinal, newest.value, newest.value
            FROM (
                SELECT
                    a.name,
                    a.ordinal + (a.last_value - a.first_value) + 1 AS ordinal,
                    gapless.successor(a.last_value, start, next_gapless.reset) AS value
                FROM gapless.allocation AS a
                WHERE a.name = next_gapless.name COLLATE "C"
                ORDER BY a.ordinal DESC
                LIMIT 1
            ) AS newest
            WHERE newest.value IS NOT NULL
            RETURNING last_value INTO value;
            IF FOUND THEN
                RETURN value;
            END IF;
        END IF;
    END IF;
    RETURN (
        SELECT v
        FROM gapless.next_gapless_batch(
            next_gapless.name, 1, start, next_gapless.reset, next_gapless.nowait
        ) AS v
    );
END;
$$;
COMMENT ON FUNCTION gapless.next_gapless(name text, initial bigint, reset bigint, nowait boolean) IS 'The next value of a sequence, in the caller''s transaction: 1, 2, 3, without a hole. The first call gives initial; a value that would reach reset becomes initial. Locks the sequence until the transaction ends. Raises 55P03 when it is busy and nowait is set, or after lock_timeout; 55000 where a column numbers itself from it; 22004, 22023 for arguments; 2200H past 2^63-1; 40001 and 40P01, for which the transaction is to be retried.';
CREATE FUNCTION gapless.next_gapless_batch(name text, size bigint, initial bigint DEFAULT 1, reset bigint DEFAULT NULL::bigint, nowait boolean DEFAULT false) RETURNS SETOF bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    start     bigint := coalesce(next_gapless_batch.initial, 1);
    remaining bigint := next_gapless_batch.size;
    ordinal   bigint;
    value     bigint; -- the run's first
    last      bigint; -- the run's last
BEGIN
    PERFORM gapless.check_name(next_gapless_batch.name);
    PERFORM gapless.check_reset(next_gapless_batch.name, start, next_gapless_batch.reset);
    IF remaining IS NULL THEN
        RAISE EXCEPTION 'sequence "%": the size of a batch must not be NULL', next_gapless_batch.name
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Say how many values to allocate.',
                SCHEMA = 'gapless', TABLE = 'sequence', COLUMN = 'size';
    ELSIF remaining < 0 THEN
        RAISE EXCEPTION 'sequence "%": the size of a batch must not be negative, but is %',
            next_gapless_batch.name, remaining
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Say how many values to allocate; 0 allocates none.',
                SCHEMA = 'gapless', TABLE = 'sequence', COLUMN = 'size';
    ELSIF remaining = 0 THEN
        RETURN;
    END IF;
    IF NOT gapless.open_sequence(next_gapless_batch.name, coalesce(next_gapless_batch.nowait, false)) THEN
        PERFORM gapless.check_free(next_gapless_batch.name);
        -- In a statement after the lock's, so that READ COMMITTED reads what its last holder wrote.
        SELECT
            a.ordinal + (a.last_value - a.first_value) + 1,
            gapless.successor(a.last_value, start, next_gapless_batch.reset)
        INTO ordinal, value
        FROM gapless.allocation AS a
        WHERE a.name = next_gapless_batch.name COLLATE "C"
        ORDER BY a.ordinal DESC
        LIMIT 1;
    END IF;
    IF ordinal IS NULL THEN -- a new one, or one that only rows of a column that did not arrive have opened
        ordinal := 1;
        value := start;
    END IF;
    LOOP
        -- numeric, since a bigint sum could overflow on the way to its limit.
        last := least(value::numeric + remaining - 1, next_gapless_batch.reset - 1, 9223372036854775807)::bigint;
        IF value IS NULL OR (next_gapless_batch.reset IS NULL AND last - value < remaining - 1) THEN
            PERFORM gapless.raise_exhausted(next_gapless_batch.name, next_gapless_batch.size);
        END IF;
        -- A row that this snapshot cannot see (REPEATABLE READ and above) has the same ordinal, and ON
        -- CONFLICT raises 40001 for it. Whatever else kept ours from being written, no value may leave without.
        INSERT INTO gapless.allocation (name, ordinal, first_value, last_value)
        VALUES (next_gapless_batch.name, ordinal, value, last)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            PERFORM gapless.raise_stale(next_gapless_batch.name);
        END IF;
        RETURN QUERY SELECT generate_series(value, last);
        ordinal := ordinal + (last - value) + 1;
        remaining := remaining - (last - value) - 1;
        EXIT WHEN remaining = 0;
        value := start;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION gapless.next_gapless_batch(name text, size bigint, initial bigint, reset bigint, nowait boolean) IS 'The next size values of a sequence, in order, in the caller''s transaction; 0 gives no row and makes no sequence. Locks, cycles and raises as next_gapless does; 22004 also when size is NULL, 22023 also when it is negative.';
CREATE FUNCTION gapless.open_sequence(name text, nowait boolean) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    made         boolean := false;
    tries        integer := 0;
    lock_timeout text;
BEGIN
    -- Another round is due only when someone else made or remade the sequence meanwhile, which needs a
    -- new snapshot to be seen: READ COMMITTED. Above it, the INSERT raises 40001.
    WHILE NOT made LOOP
        IF gapless.lock_sequence(open_sequence.name, open_sequence.nowait) THEN
            EXIT;
        ELSIF open_sequence.nowait THEN
            -- INSERT waits for an uncommitted row with the same key and has no NOWAIT. A short lock_timeout
            -- comes next to it; but it ends other waits, too, such as one for the table to be extended, so it
            -- is tried again with twice the time: 1, 2, ... 128 ms. An advisory lock a name would need no
            -- wait at all, but 100,000 new names in one transaction exhaust the lock table.
            lock_timeout := current_setting('lock_timeout');
            PERFORM set_config('lock_timeout', (1 << tries) || 'ms', true);
            BEGIN
                INSERT INTO gapless.sequence (name) VALUES (open_sequence.name) ON CONFLICT DO NOTHING;
                made := FOUND;
            EXCEPTION WHEN lock_not_available THEN
                tries := tries + 1;
                IF tries = 8 THEN
                    PERFORM gapless.raise_locked(open_sequence.name);
                END IF;
            END;
            PERFORM set_config('lock_timeout', lock_timeout, true);
        ELSE
            INSERT INTO gapless.sequence (name) VALUES (open_sequence.name) ON CONFLICT DO NOTHING;
            made := FOUND;
        END IF;
    END LOOP;
    RETURN made;
END;
$$;
COMMENT ON FUNCTION gapless.open_sequence(name text, nowait boolean) IS 'Private. Locks a sequence until the transaction ends, making it if there is none; true if it was made. Raises 55P03 when it is busy and nowait is set, 40001 under REPEATABLE READ and above when it is newer than the snapshot.';
CREATE FUNCTION gapless.outcome_gapless(token uuid, txid bigint) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF outcome_gapless.token IS NULL OR outcome_gapless.txid IS NULL THEN
        RAISE EXCEPTION 'the token and the txid of a transaction must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give what gapless.mark_gapless was given, and what it returned.',
                SCHEMA = 'gapless', TABLE = 'allocation';
    ELSIF outcome_gapless.txid < 0 THEN
        RAISE EXCEPTION 'there is no transaction %', outcome_gapless.txid
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Give what gapless.mark_gapless returned.',
                SCHEMA = 'gapless', TABLE = 'allocation';
    ELSIF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'a standby does not know the outcome of transaction %', outcome_gapless.txid
            USING ERRCODE = 'read_only_sql_transaction',
                HINT = 'Ask the primary.', SCHEMA = 'gapless', TABLE = 'allocation';
    ELSIF outcome_gapless.txid = txid_current_if_assigned() THEN
        RAISE EXCEPTION 'transaction % asks for its own outcome', outcome_gapless.txid
            USING ERRCODE = 'invalid_transaction_state',
                HINT = 'Ask on another connection.', SCHEMA = 'gapless', TABLE = 'allocation';
    ELSIF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the outcome of transaction % cannot be read under an older snapshot', outcome_gapless.txid
            USING ERRCODE = 'invalid_transaction_state',
                HINT = 'Ask in READ COMMITTED.', SCHEMA = 'gapless', TABLE = 'allocation';
    END IF;
    -- Whoever has this lock is the transaction itself. The statements after this one see what it has committed.
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(outcome_gapless.token, 0));
    IF EXISTS (
        SELECT
        FROM gapless.allocation AS a
        WHERE a.txid = outcome_gapless.txid AND a.token = outcome_gapless.token AND a.allocated_by = session_user
    ) THEN
        RETURN 'committed';
    ELSIF outcome_gapless.txid >= txid_snapshot_xmax(txid_current_snapshot()) THEN
        RETURN 'lost'; -- with the newest WAL, in a crash or a fail-over: the server has yet to give this xid out
    ELSIF pg_xact_status(outcome_gapless.txid::text::xid8) = 'aborted' THEN
        RETURN 'lost';
    END IF;
    RETURN 'unknown'; -- it allocated nothing, its journal rows were pruned, or its xid was given out again after a crash
END;
$$;
COMMENT ON FUNCTION gapless.outcome_gapless(token uuid, txid bigint) IS 'Whether the transaction with this token and txid (gapless.mark_gapless) committed: ''committed''; ''lost'', so that it can be run again; or ''unknown'': it allocated nothing, or its journal rows were pruned, or, after a crash, its xid was given out again. Ask on a new connection to the same primary. Waits while the transaction is still running. ''committed'' is not yet durable or replicated: call gapless.flush_gapless(txid) then. Raises 22004 for NULL, 22023 for a negative txid, 25006 on a standby, 25000 within the transaction itself or outside READ COMMITTED, 55P03 after lock_timeout.';
CREATE FUNCTION gapless.peek_gapless(name text DEFAULT 'default'::text, initial bigint DEFAULT 1, reset bigint DEFAULT NULL::bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    start bigint := coalesce(peek_gapless.initial, 1);
    last  bigint := gapless.last_gapless(peek_gapless.name);
    value bigint;
BEGIN
    PERFORM gapless.check_reset(peek_gapless.name, start, peek_gapless.reset);
    IF last IS NULL THEN
        RETURN start;
    END IF;
    value := gapless.successor(last, start, peek_gapless.reset);
    IF value IS NULL THEN
        PERFORM gapless.raise_exhausted(peek_gapless.name, 1);
    END IF;
    RETURN value;
END;
$$;
COMMENT ON FUNCTION gapless.peek_gapless(name text, initial bigint, reset bigint) IS 'What next_gapless would give now, in the caller''s snapshot: a preview, not a promise, since it takes no lock. Raises 22004, 22023 and 2200H as next_gapless would.';
CREATE FUNCTION gapless.prune_gapless(name text, before timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    keep    bigint; -- the ordinal of the oldest row that stays
    oldest  gapless.allocation;
    dropped bigint;
    last    bigint;
BEGIN
    PERFORM gapless.check_name(prune_gapless.name);
    IF prune_gapless.before IS NULL THEN
        RAISE EXCEPTION 'sequence "%": the time to prune before must not be NULL', prune_gapless.name
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give a time; older journal rows are dropped.',
                SCHEMA = 'gapless', TABLE = 'allocation', COLUMN = 'before';
    END IF;
    -- The lock is a write, before anything is read: without it, a REPEATABLE READ transaction whose
    -- snapshot has the old rows could issue a value twice.
    UPDATE gapless.sequence AS s
    SET adoptions = s.adoptions
    WHERE s.name = prune_gapless.name COLLATE "C";
    IF NOT FOUND THEN
        RETURN 0::bigint;
    END IF;
    -- Rows are dropped from the oldest up to the first that stays, so that one row can stand for them
    -- even where the clock jumped. The newest row, the counter, always stays.
    SELECT coalesce(
        min(a.ordinal) FILTER (WHERE a.allocated_at >= prune_gapless.before AND a.kind <> 'pruned'),
        max(a.ordinal)
    )
    INTO keep
    FROM gapless.allocation AS a
    WHERE a.name = prune_gapless.name COLLATE "C";
    SELECT a.*
    INTO oldest
    FROM gapless.allocation AS a
    WHERE a.name = prune_gapless.name COLLATE "C"
    ORDER BY a.ordinal
    LIMIT 1;
    SELECT count(*) FILTER (WHERE a.kind <> 'pruned')
    INTO dropped
    FROM gapless.allocation AS a
    WHERE a.name = prune_gapless.name COLLATE "C" AND a.ordinal < keep;
    IF dropped = 0 THEN
        RETURN 0::bigint;
    END IF;
    SELECT a.last_value
    INTO last
    FROM gapless.allocation AS a
    WHERE a.name = prune_gapless.name COLLATE "C" AND a.ordinal < keep
    ORDER BY a.ordinal DESC
    LIMIT 1;
    DELETE FROM gapless.allocation AS a
    WHERE a.name = prune_gapless.name COLLATE "C" AND a.ordinal < keep;
    INSERT INTO gapless.allocation (name, ordinal, first_value, last_value, kind)
    VALUES (prune_gapless.name, oldest.ordinal, oldest.first_value, last, 'pruned');
    RETURN dropped;
END;
$$;
COMMENT ON FUNCTION gapless.prune_gapless(name text, before timestamp with time zone) IS 'Drops a sequence''s journal rows from before a time, never the newest, and leaves one row of kind ''pruned'' for their range; how many rows were dropped. Takes nothing from the numbering. Locks the sequence until the transaction ends. Raises 55P03 after lock_timeout; 22004, 22023 for arguments; 40001.';
CREATE FUNCTION gapless.raise_exhausted(name text, size bigint) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION 'sequence "%": % more value(s) would pass 9223372036854775807',
        raise_exhausted.name, raise_exhausted.size
        USING ERRCODE = 'sequence_generator_limit_exceeded',
            HINT = 'Begin a sequence of another name, or let this one cycle with reset.',
            SCHEMA = 'gapless', TABLE = 'sequence';
END;
$$;
COMMENT ON FUNCTION gapless.raise_exhausted(name text, size bigint) IS 'Private. Raises 2200H for a sequence that has not that many values left.';
CREATE FUNCTION gapless.raise_locked(name text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION 'sequence "%" is locked by another transaction', raise_locked.name
        USING ERRCODE = 'lock_not_available',
            HINT = 'Try again when that transaction has ended; gapless.holders shows who it is. Without nowait, the call waits.',
            SCHEMA = 'gapless', TABLE = 'sequence';
END;
$$;
COMMENT ON FUNCTION gapless.raise_locked(name text) IS 'Private. Raises 55P03 for a sequence that another transaction holds.';
CREATE FUNCTION gapless.raise_stale(name text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION 'sequence "%" was allocated from since this transaction''s snapshot', raise_stale.name
        USING ERRCODE = 'serialization_failure',
            HINT = 'Retry the transaction, or use READ COMMITTED, which waits instead.',
            SCHEMA = 'gapless', TABLE = 'allocation', CONSTRAINT = 'allocation_pkey';
END;
$$;
COMMENT ON FUNCTION gapless.raise_stale(name text) IS 'Private. Raises 40001 for a sequence that is ahead of the transaction''s snapshot.';
CREATE FUNCTION gapless.revoke_gapless(role name) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM gapless.check_role(revoke_gapless.role);
    EXECUTE format('REVOKE USAGE ON SCHEMA gapless FROM %I', revoke_gapless.role);
    EXECUTE format(
        'REVOKE EXECUTE ON FUNCTION gapless.next_gapless, gapless.next_gapless_batch, '
        'gapless.last_gapless, gapless.peek_gapless, '
        'gapless.mark_gapless, gapless.outcome_gapless, gapless.flush_gapless FROM %I',
        revoke_gapless.role
    );
    EXECUTE format('REVOKE SELECT ON TABLE gapless.sequences, gapless.holders FROM %I', revoke_gapless.role);
END;
$$;
COMMENT ON FUNCTION gapless.revoke_gapless(role name) IS 'Takes back what grant_gapless gives. What was granted by hand stays, but without USAGE on the schema it is out of reach. Raises 22004 for NULL, 42704 where there is no such role. ''public'' is everyone, as in GRANT.';
CREATE FUNCTION gapless.successor(last_value bigint, initial bigint, reset bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN last_value OPERATOR(pg_catalog.>=) (reset OPERATOR(pg_catalog.-) 1) THEN initial
        WHEN last_value OPERATOR(pg_catalog.<) 9223372036854775807 THEN last_value OPERATOR(pg_catalog.+) 1
    END
$$;
COMMENT ON FUNCTION gapless.successor(last_value bigint, initial bigint, reset bigint) IS 'Private. The value after last_value: initial where it would reach reset, NULL where it would pass 2^63-1.';
CREATE FUNCTION gapless.void_gapless(name text, value bigint, reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    entry  record;
    after  bigint;
    place  bigint;
    before gapless.void;
BEGIN
    PERFORM gapless.check_name(void_gapless.name);
    IF void_gapless.value IS NULL OR void_gapless.reason IS NULL THEN
        RAISE EXCEPTION 'sequence "%": the value to void and the reason must not be NULL', void_gapless.name
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Say which number was cancelled, and why.',
                SCHEMA = 'gapless', TABLE = 'void', COLUMN = CASE WHEN void_gapless.value IS NULL THEN 'value' ELSE 'reason' END;
    ELSIF void_gapless.reason !~ '\S' THEN
        RAISE EXCEPTION 'sequence "%": the reason for voiding % must not be empty', void_gapless.name, void_gapless.value
            USING ERRCODE = 'invalid_parameter_value', HINT = 'An auditor will read it.',
                SCHEMA = 'gapless', TABLE = 'void', COLUMN = 'reason';
    END IF;
    -- The lock is a write, for each transaction once: without it, a REPEATABLE READ transaction that deletes the sequence
    -- would leave a void behind that its snapshot lacks, and the next sequence of that name would have it.
    UPDATE gapless.sequence AS s
    SET adoptions = s.adoptions
    WHERE s.name = void_gapless.name COLLATE "C" AND s.xmin <> pg_current_xact_id()::xid;
    -- From the newest row back: in the latest cycle the values fall.
    FOR entry IN
        SELECT a.ordinal, a.first_value, a.last_value, a.kind
        FROM gapless.allocation AS a
        WHERE a.name = void_gapless.name COLLATE "C"
        ORDER BY a.ordinal DESC
    LOOP
        EXIT WHEN entry.last_value >= after; -- the cycle before
        IF entry.kind = 'adopted' AND void_gapless.value <= entry.last_value THEN
            -- Given out elsewhere, unless an older row has it.
            place := entry.ordinal;
        ELSIF void_gapless.value BETWEEN entry.first_value AND entry.last_value THEN
            place := entry.ordinal + (void_gapless.value - entry.first_value);
        END IF;
        EXIT WHEN void_gapless.value >= entry.first_value;
        after := entry.first_value;
    END LOOP;
    IF place IS NULL THEN
        RAISE EXCEPTION 'sequence "%" has not issued % in its latest cycle', void_gapless.name, void_gapless.value
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Only an issued number can be voided; the view gapless.sequences shows the newest.',
                SCHEMA = 'gapless', TABLE = 'void', COLUMN = 'value';
    END IF;
    INSERT INTO gapless.void (name, value, ordinal, reason)
    VALUES (void_gapless.name, void_gapless.value, place, void_gapless.reason)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT v.*
        INTO before
        FROM gapless.void AS v
        WHERE v.name = void_gapless.name COLLATE "C" AND v.value = void_gapless.value AND v.ordinal = place;
        RAISE EXCEPTION 'sequence "%": % is void already', void_gapless.name, void_gapless.value
            USING ERRCODE = 'object_not_in_prerequisite_state',
                DETAIL = format('%s voided it at %s: %s', before.voided_by, before.voided_at, before.reason),
                HINT = 'What was said stands.',
                SCHEMA = 'gapless', TABLE = 'void', CONSTRAINT = 'void_pkey';
    END IF;
END;
$$;
COMMENT ON FUNCTION gapless.void_gapless(name text, value bigint, reason text) IS 'Notes that an issued number, of the latest cycle, was cancelled, and why. It is never issued again; its row, which may be kept, can then be deleted. Locks the sequence until the transaction ends. Raises 22004, 22023 for arguments and for a value that was not issued; 55000 where it is void already; 55P03 after lock_timeout; 40001.';
CREATE TABLE gapless.allocation (
    name text NOT NULL COLLATE pg_catalog."C",
    ordinal bigint NOT NULL,
    first_value bigint NOT NULL,
    last_value bigint NOT NULL,
    kind gapless.allocation_kind DEFAULT 'issued'::gapless.allocation_kind NOT NULL,
    allocated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    txid bigint DEFAULT txid_current() NOT NULL,
    allocated_by text DEFAULT SESSION_USER NOT NULL COLLATE pg_catalog."C",
    allocated_as text DEFAULT NULLIF(current_setting('role'::text), 'none'::text) COLLATE pg_catalog."C",
    token uuid DEFAULT (NULLIF(current_setting('gapless.token'::text, true), ''::text))::uuid,
    dated timestamp without time zone,
    attachment bigint
);
COMMENT ON TABLE gapless.allocation IS 'The journal: one row for each run of values that was given out, in the order of ordinal within a name. The newest row is the counter.';
COMMENT ON COLUMN gapless.allocation.name IS 'The sequence. No foreign key: see gapless.sequence.';
COMMENT ON COLUMN gapless.allocation.ordinal IS 'The running count, from 1, of the run''s first value. Competing allocations collide on it whatever the size of their runs, which a count of the last value would not ensure.';
COMMENT ON COLUMN gapless.allocation.first_value IS 'The run''s first value. In an ''adopted'' row the same as last_value, since nobody knows where the adopted numbers began.';
COMMENT ON COLUMN gapless.allocation.last_value IS 'The run''s last value. In an ''adopted'' row the value that was adopted: every number up to it was given out elsewhere.';
COMMENT ON COLUMN gapless.allocation.kind IS 'How the values were given out.';
COMMENT ON COLUMN gapless.allocation.allocated_at IS 'The server''s clock when the row was written, not when its transaction committed. Clocks jump: order is ordinal''s.';
COMMENT ON COLUMN gapless.allocation.txid IS 'The top-level transaction that wrote the row (pg_current_xact_id, as bigint).';
COMMENT ON COLUMN gapless.allocation.allocated_by IS 'session_user: who logged in.';
COMMENT ON COLUMN gapless.allocation.allocated_as IS 'The role chosen by SET ROLE, or NULL.';
COMMENT ON COLUMN gapless.allocation.token IS 'The mark that the transaction was given by mark_gapless, or NULL: with it outcome_gapless finds out whether it committed.';
COMMENT ON COLUMN gapless.allocation.dated IS 'What the expression chronology of attach_gapless gave for the row that has last_value (a timestamptz in UTC); NULL where it was not asked for.';
COMMENT ON COLUMN gapless.allocation.attachment IS 'The number of the attachment (attach_gapless draws one each time) whose INSERTs the values are of, or NULL. A column whose own is in the newest row owns the sequence: to verify its next number takes that row alone.';
CREATE TABLE gapless.sequence (
    name text NOT NULL COLLATE pg_catalog."C",
    adoptions bigint DEFAULT 0 NOT NULL,
    target regclass,
    target_column name,
    CONSTRAINT sequence_name_length CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 255)))
);
COMMENT ON TABLE gapless.sequence IS 'One row a sequence: its lock. An allocation locks the row and never updates it; delete, adopt and prune write it, so that transactions with an older snapshot get 40001. No foreign key may point here: its KEY SHARE lock would turn xmax into a multixact.';
COMMENT ON COLUMN gapless.sequence.name IS 'The natural key: 1 to 255 bytes, compared byte by byte (COLLATE "C").';
COMMENT ON COLUMN gapless.sequence.adoptions IS 'How many rows of kind ''adopted'' the journal has had. Each of them counts once in allocation.ordinal, though it issued nothing.';
COMMENT ON COLUMN gapless.sequence.target IS 'The table whose column numbers itself from this sequence, since its first use by the column; NULL: next_gapless and its like may take from it. It counts as long as the table has the column''s triggers: pg_trigger is the registry.';
COMMENT ON COLUMN gapless.sequence.target_column IS 'The column of target, or NULL.';
COMMENT ON CONSTRAINT sequence_name_length ON gapless.sequence IS 'A name has 1 to 255 bytes.';
CREATE VIEW gapless.holders AS
 WITH waiter AS (
         SELECT s.name,
            l.pid,
            l.granted
           FROM (gapless.sequence s
             JOIN pg_locks l ON (((l.locktype = 'tuple'::text) AND (l.database = ( SELECT d.oid
                   FROM pg_database d
                  WHERE (d.datname = current_database()))) AND (l.relation = ('gapless.sequence'::regclass)::oid) AND ((format('(%s,%s)'::text, l.page, l.tuple))::tid = s.ctid))))
        ), holder AS (
         SELECT s.name,
            x.pid,
            p_1.gid
           FROM (((gapless.sequence s
             JOIN pg_locks x ON (((x.locktype = 'transactionid'::text) AND x.granted AND (x.transactionid = s.xmax))))
             JOIN pg_locks r ON (((r.virtualtransaction = x.virtualtransaction) AND (NOT (r.pid IS DISTINCT FROM x.pid)) AND (r.locktype = 'relation'::text) AND (r.database = ( SELECT d.oid
                   FROM pg_database d
                  WHERE (d.datname = current_database()))) AND (r.relation = ('gapless.sequence'::regclass)::oid) AND r.granted)))
             LEFT JOIN pg_prepared_xacts p_1 ON (((x.pid IS NULL) AND (p_1.transaction = x.transactionid))))
          WHERE (NOT (EXISTS ( SELECT
                   FROM waiter w
                  WHERE ((w.name = s.name) AND w.granted))))
        UNION
         SELECT w.name,
            NULLIF(b.pid, 0) AS pid,
            p_1.gid
           FROM (((waiter w
             JOIN gapless.sequence s ON ((s.name = w.name)))
             CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) b(pid))
             LEFT JOIN pg_prepared_xacts p_1 ON (((b.pid = 0) AND (p_1.transaction = s.xmax))))
          WHERE w.granted
        ), participant AS (
         SELECT h.name,
            'holds'::text AS state,
            h.pid,
            h.gid
           FROM holder h
        UNION ALL
         SELECT DISTINCT w.name,
            'waits'::text,
            w.pid,
            NULL::text
           FROM waiter w
        )
 SELECT q.name,
    q.state,
    q.pid,
    q.gid AS prepared_as,
    a.application_name,
    COALESCE(a.usename, p.owner) AS user_name,
    (clock_timestamp() - COALESCE(a.xact_start, p.prepared)) AS transaction_age,
    a.query
   FROM ((participant q
     LEFT JOIN pg_stat_activity a ON ((a.pid = q.pid)))
     LEFT JOIN pg_prepared_xacts p ON ((p.gid = q.gid)));
COMMENT ON VIEW gapless.holders IS 'Who holds a sequence now, and who waits for it. Details of other roles'' backends are NULL, and their query reads <insufficient privilege>, without pg_read_all_stats. A sequence whose first transaction has not committed is not shown. While nobody waits, neither is a holder that took or strengthened its lock in a savepoint or an EXCEPTION block.';
COMMENT ON COLUMN gapless.holders.name IS 'The sequence.';
COMMENT ON COLUMN gapless.holders.state IS '''holds'' or ''waits''.';
COMMENT ON COLUMN gapless.holders.pid IS 'The backend''s process id, for pg_terminate_backend. NULL for a prepared transaction.';
COMMENT ON COLUMN gapless.holders.prepared_as IS 'The prepared transaction''s name, for COMMIT PREPARED or ROLLBACK PREPARED. NULL for a backend, and for a prepared transaction that locked in a savepoint (pg_prepared_xacts lists them all).';
COMMENT ON COLUMN gapless.holders.application_name IS 'The backend''s application_name.';
COMMENT ON COLUMN gapless.holders.user_name IS 'Who logged in, or who prepared the transaction.';
COMMENT ON COLUMN gapless.holders.transaction_age IS 'How long ago the transaction began, or was prepared.';
COMMENT ON COLUMN gapless.holders.query IS 'The backend''s current or latest statement.';
CREATE UNLOGGED TABLE gapless.moving (
    txid bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    value bigint NOT NULL,
    dated timestamp without time zone,
    entered boolean NOT NULL,
    arrived boolean DEFAULT false NOT NULL,
    depth integer NOT NULL
);
COMMENT ON TABLE gapless.moving IS 'Numbered rows of partitioned tables that a statement in progress takes from one partition, perhaps to put them into another: PostgreSQL shows triggers such a move as a DELETE and an INSERT.';
COMMENT ON COLUMN gapless.moving.txid IS 'The top-level transaction.';
COMMENT ON COLUMN gapless.moving.name IS 'The sequence.';
COMMENT ON COLUMN gapless.moving.value IS 'The row''s number.';
COMMENT ON COLUMN gapless.moving.dated IS 'The row''s date, for chronology.';
COMMENT ON COLUMN gapless.moving.entered IS 'Whether the journal had the number before the statement.';
COMMENT ON COLUMN gapless.moving.arrived IS 'Whether it was put into another partition.';
COMMENT ON COLUMN gapless.moving.depth IS 'How deep in other triggers the statement is: pg_trigger_depth().';
CREATE UNLOGGED TABLE gapless.pending (
    txid bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C"
);
COMMENT ON TABLE gapless.pending IS 'The sequences from which a transaction will number rows when it commits (attach_gapless with at_commit), where they are several, so that the first of its deferred triggers can lock them in the order of their names.';
COMMENT ON COLUMN gapless.pending.txid IS 'The top-level transaction.';
COMMENT ON COLUMN gapless.pending.name IS 'The sequence.';
CREATE VIEW gapless.sequences AS
 SELECT s.name,
    newest.last_value,
    ((newest.ordinal + (newest.last_value - newest.first_value)) - s.adoptions) AS issued,
    newest.allocated_at AS last_allocated_at,
    attached.column_name AS attached_column
   FROM ((gapless.sequence s
     CROSS JOIN LATERAL ( SELECT a.ordinal,
            a.first_value,
            a.last_value,
            a.allocated_at
           FROM gapless.allocation a
          WHERE (a.name = s.name)
          ORDER BY a.ordinal DESC
         LIMIT 1) newest)
     LEFT JOIN LATERAL ( SELECT format('%I.%I.%I'::text, n.nspname, c.relname, s.target_column) AS column_name
           FROM ((pg_trigger t
             JOIN pg_class c ON ((c.oid = t.tgrelid)))
             JOIN pg_namespace n ON ((n.oid = c.relnamespace)))
          WHERE ((t.tgrelid = (s.target)::oid) AND (t.tgname = (('~gapless_insert_'::text || (s.target_column)::text))::name))) attached ON (true));
COMMENT ON VIEW gapless.sequences IS 'One row a sequence, as the caller''s snapshot has it. Takes no lock.';
COMMENT ON COLUMN gapless.sequences.name IS 'The sequence.';
COMMENT ON COLUMN gapless.sequences.last_value IS 'Its newest value.';
COMMENT ON COLUMN gapless.sequences.issued IS 'How many values gapless has issued, in all cycles. Adopted numbers do not count.';
COMMENT ON COLUMN gapless.sequences.last_allocated_at IS 'When the newest value was allocated or adopted.';
COMMENT ON COLUMN gapless.sequences.attached_column IS 'The column that numbers itself from it (attach_gapless), as schema.table.column; NULL if none does.';
CREATE TABLE gapless.void (
    name text NOT NULL COLLATE pg_catalog."C",
    value bigint NOT NULL,
    ordinal bigint NOT NULL,
    reason text NOT NULL,
    voided_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    txid bigint DEFAULT txid_current() NOT NULL,
    voided_by text DEFAULT SESSION_USER NOT NULL COLLATE pg_catalog."C",
    voided_as text DEFAULT NULLIF(current_setting('role'::text), 'none'::text) COLLATE pg_catalog."C"
);
COMMENT ON TABLE gapless.void IS 'Values that were issued and then cancelled, by void_gapless. They are never issued again.';
COMMENT ON COLUMN gapless.void.name IS 'The sequence.';
COMMENT ON COLUMN gapless.void.value IS 'The cancelled value.';
COMMENT ON COLUMN gapless.void.ordinal IS 'Which of the sequence''s cycles it is of: the value''s own running count in the journal; in an adopted range the ordinal of the ''adopted'' row.';
COMMENT ON COLUMN gapless.void.reason IS 'Why it was cancelled, for the auditor.';
COMMENT ON COLUMN gapless.void.voided_at IS 'The server''s clock when it was cancelled.';
COMMENT ON COLUMN gapless.void.txid IS 'The top-level transaction that cancelled it.';
COMMENT ON COLUMN gapless.void.voided_by IS 'session_user: who logged in.';
COMMENT ON COLUMN gapless.void.voided_as IS 'The role chosen by SET ROLE, or NULL.';
CREATE TABLE public.gapless_schema_version (
    version integer NOT NULL
);
ALTER TABLE ONLY gapless.allocation
    ADD CONSTRAINT allocation_pkey PRIMARY KEY (name, ordinal);
COMMENT ON CONSTRAINT allocation_pkey ON gapless.allocation IS 'Read backwards it gives the newest row of a name; and two allocations of the same values collide on it.';
ALTER TABLE ONLY gapless.moving
    ADD CONSTRAINT moving_pkey PRIMARY KEY (txid, name, value);
COMMENT ON CONSTRAINT moving_pkey ON gapless.moving IS 'A number moves once at a time.';
ALTER TABLE ONLY gapless.pending
    ADD CONSTRAINT pending_pkey PRIMARY KEY (txid, name);
COMMENT ON CONSTRAINT pending_pkey ON gapless.pending IS 'A name once a transaction.';
ALTER TABLE ONLY gapless.sequence
    ADD CONSTRAINT sequence_pkey PRIMARY KEY (name);
COMMENT ON CONSTRAINT sequence_pkey ON gapless.sequence IS 'One row a name; the row an allocation locks is found by it.';
ALTER TABLE ONLY gapless.void
    ADD CONSTRAINT void_pkey PRIMARY KEY (name, value, ordinal);
COMMENT ON CONSTRAINT void_pkey ON gapless.void IS 'A value is cancelled once a cycle.';
CREATE INDEX allocation_txid ON gapless.allocation USING brin (txid) WITH (autosummarize='on');
COMMENT ON INDEX gapless.allocation_txid IS 'The rows of a transaction, whose outcome is asked for (outcome_gapless). BRIN: it costs an allocation next to nothing.';
REVOKE ALL ON TYPE gapless.allocation_kind FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.adopt_gapless(name text, last bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.attach_gapless(target regclass, target_column name, name text, initial bigint, format text, condition text, chronology text, at_commit boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.attached_column(target regclass, target_column name) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.audit_gapless(name text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.audit_numbers(name text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.check_free(name text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.check_name(name text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.check_reset(name text, initial bigint, reset bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.check_role(role name) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_adopt(target regclass, target_column name, names text[], lasts bigint[], dates timestamp without time zone[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_claim(target regclass, target_column name, name text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_code(target regclass, target_column name, key name[], name text, initial bigint, format text, condition text, chronology text, at_commit boolean, attachment bigint, pinned boolean, function text, OUT trigger_body text, OUT rows_body text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_enclose(expression text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_enter(target regclass, target_column name, name text, initial bigint, attachment bigint, first bigint, last bigint, size bigint, dates timestamp without time zone[], proven boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_enter_row(attachment bigint, name text, value bigint, dated timestamp without time zone, note text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_enter_row_pinned(attachment bigint, name text, value bigint, dated timestamp without time zone, note text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_expect(target regclass, target_column name, name text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_expression(target regclass, path text, parameter text, expression text, OUT type regtype, OUT columns smallint[], OUT settings text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_forget(target regclass, target_column name) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_guard(partition regclass, target_column name, trigger_oid oid) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_is_void(name text, value bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_lock() FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_move(step text, name text, value bigint, dated timestamp without time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_next(target regclass, target_column name, initial bigint, note text, relation oid, name text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_open(target regclass, target_column name, name text, initial bigint, note text, relation oid) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_open_first(target regclass, target_column name, name text, initial bigint, note text, relation oid) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_open_pinned(target regclass, target_column name, name text, initial bigint, note text, relation oid) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_refuse(fault text, target regclass, target_column name, name text, detail text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_release(target regclass, target_column name) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_settle(note text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_take(target regclass, target_column name, name text, initial bigint, dated timestamp without time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.column_truncate(relation regclass, target regclass, target_column name) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.delete_gapless(name text, nowait boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.detach_gapless(target regclass, target_column name) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.flush_gapless(txid bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.grant_gapless(role name) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.last_gapless(name text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.lock_sequence(name text, nowait boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.mark_gapless(token uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.next_gapless(name text, initial bigint, reset bigint, nowait boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.next_gapless_batch(name text, size bigint, initial bigint, reset bigint, nowait boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.open_sequence(name text, nowait boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.outcome_gapless(token uuid, txid bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.peek_gapless(name text, initial bigint, reset bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.prune_gapless(name text, before timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.raise_exhausted(name text, size bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.raise_locked(name text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.raise_stale(name text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.revoke_gapless(role name) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.successor(last_value bigint, initial bigint, reset bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.void_gapless(name text, value bigint, reason text) FROM PUBLIC;
-- version 2
