-- Runs with the caller's rights. The functions that it makes belong to the table's owner. Locks the table (SHARE ROW
-- EXCLUSIVE), then the sequences of its rows, in the order of their names. Sets no search_path of its own, since the
-- expressions are understood under the caller's. That is put aside at once; until then every name is qualified, those
-- of types, too.
CREATE OR REPLACE FUNCTION gapless.attach_gapless(
    target        regclass,
    target_column name,
    name          text,
    initial       bigint  DEFAULT 1,
    format        text    DEFAULT NULL,
    condition     text    DEFAULT NULL,
    chronology    text    DEFAULT NULL,
    at_commit     boolean DEFAULT false
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
AS $function$
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
    ELSIF relation.relpersistence <> 'p' OR EXISTS ( -- trap: a crash does not empty the table
        SELECT FROM pg_catalog.pg_partition_tree(target) AS p
        JOIN pg_catalog.pg_class AS c ON c.oid = p.relid
        WHERE c.relpersistence <> 'p' OR c.relkind = 'f' -- trap: a crash does not empty a partition
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
        checked := gapless.column_check_expression(target, path, parameter, expression);
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
        pinned := pinned || checked.settings; -- trap: what an expression reads of the session is pinned
        IF parameter = 'name' THEN
            name_columns := checked.columns;
        END IF;
        IF parameter <> 'condition' THEN
            read_columns := read_columns || checked.columns;
        END IF;
        IF parameter = 'chronology' THEN
            dated := CASE checked.type
                WHEN 'timestamptz'::regtype THEN pg_catalog.format('(%s AT TIME ZONE ''UTC'')', gapless.column_parenthesize(chronology))
                ELSE gapless.column_parenthesize(chronology) || '::timestamp'
            END;
        END IF;
    END LOOP;

    -- No number twice in a sequence, by an index, too: what it has beside the number is part of the name. (A
    -- partitioned table's index has to have the partition key, which need not be; there, column_enter alone sees to
    -- it.)
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
    pins := pg_catalog.format('SET search_path = %s', CASE WHEN 'search_path' = ANY (pinned) THEN path ELSE 'pg_catalog, pg_temp' END) || coalesce(( -- trap: the path is pinned
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
        ELSE ' SET enable_seqscan = off' -- for column_first_number and column_enter_row
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
    EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s() TO %I', rows, installer); -- trap: the functions stay the table owner's

    -- The rows that there are. Their numbers have to be read, each once. Casts and functions of the owner's may run
    -- for that, where nothing can be written, and what they did to the session is undone: so they cannot reach the
    -- rights of a caller who is another.
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
                ('commit', at_commit, 'AFTER INSERT OR UPDATE ON %s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.%2$I IS NULL)'), -- trap: a row is found again when its key has changed
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
            PERFORM gapless.column_guard_partition(part, target_column, (
                SELECT t.oid FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = target AND t.tgname = ('~gapless_insert_' || target_column)::name
            ));
        END LOOP;
    END IF;
    PERFORM gapless.column_forget_notes(target, target_column);
    PERFORM set_config('search_path', caller_path, true);
END;
$function$;

COMMENT ON FUNCTION gapless.attach_gapless IS
'Lets a column of a table number itself: an INSERT is all that is needed, and RETURNING has the number. name, format (over value, too), condition and chronology are SQL expressions over NEW, compiled into a trigger function in the table''s schema. Takes over the numbers that the table has, and guards numbers from then on against being written, changed and deleted. For the table''s owner. Locks the table against writers until the transaction ends. Raises 22004, 22023, 42601, 42703 for arguments; 42501; 42710 where it is attached already; 55000 and 42809 for a table or column that cannot be; 23514 for numbers that cannot be taken over.';

REVOKE ALL ON FUNCTION gapless.attach_gapless FROM PUBLIC;
