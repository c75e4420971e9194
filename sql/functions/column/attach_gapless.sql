-- Runs with the caller's rights. The functions that it makes belong to the table's owner. Locks the table (SHARE ROW
-- EXCLUSIVE), then the sequences of its rows, in the order of their names. Sets no search_path of its own, since the
-- expressions are understood under the caller's. That is put aside at once; until then every name is qualified, those
-- of types, too. It is long because it is the list of what is done, each by a function of its own.
CREATE OR REPLACE FUNCTION gapless.attach_gapless(
    target        regclass,
    target_column name,
    name          text    DEFAULT NULL,
    initial       bigint  DEFAULT 1,
    format        text    DEFAULT NULL,
    condition     text    DEFAULT NULL,
    chronology    text    DEFAULT NULL,
    at_commit     boolean DEFAULT false,
    unnumbered    text    DEFAULT NULL,
    make_index    boolean DEFAULT false,
    chain         text    DEFAULT NULL,
    hash_column   name    DEFAULT 'hash',
    previous_column name  DEFAULT 'previous_hash',
    moves         boolean DEFAULT false,
    series_of     text    DEFAULT NULL,
    ensure        boolean DEFAULT false
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET standard_conforming_strings = on -- how texts are read
SET transform_null_equals = off
AS $function$
DECLARE
    caller_path    CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
    caller_schemas CONSTANT pg_catalog.name[] := pg_catalog.current_schemas(false);
    path           CONSTANT pg_catalog.text := pg_catalog.concat_ws(', ', (
        SELECT pg_catalog.string_agg(pg_catalog.quote_ident(s.name), ', ' ORDER BY s.i)
        FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS s (name, i)
        WHERE pg_catalog.left(s.name, 8) OPERATOR(pg_catalog.<>) 'pg_temp_'
    ), 'pg_temp');
    relation       pg_catalog.record;
    owner          pg_catalog.name;
    missing        pg_catalog.text;
    definition     pg_catalog.text;
    checked        pg_catalog.record;
    asked          pg_catalog.jsonb; -- what the column is to be attached with
    options        pg_catalog.text[];
    stem           pg_catalog.text;
    attachment     bigint;
    head           pg_catalog.record; -- the column whose series it shares
    pins           pg_catalog.text;
    texts          pg_catalog.record;
    former         pg_catalog.text[]; -- guards of what were partitions
    guard          pg_catalog.text;
    read           pg_catalog.name[]; -- by the expressions
    inverse        pg_catalog.record;
    pending        pg_catalog.bool; -- whether rows have no number
    kind           pg_catalog.text; -- of a table of Citus
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    initial := coalesce(initial, 1);
    at_commit := coalesce(at_commit, false);
    moves := coalesce(moves, false);
    hash_column := CASE WHEN chain IS NOT NULL THEN coalesce(hash_column, 'hash') END;
    previous_column := CASE WHEN chain IS NOT NULL THEN coalesce(previous_column, 'previous_hash') END;
    IF target IS NULL OR target_column IS NULL THEN
        RAISE EXCEPTION 'the table and the column must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Such as gapless.attach_gapless(''invoices'', ''number'', name => $$ ''invoice/'' || NEW.tenant_id $$).',
                SCHEMA = 'gapless';
    ELSIF moves AND chain IS NOT NULL THEN
        RAISE EXCEPTION 'rows of a chain cannot move: their hashes hold them'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give either chain or moves.', SCHEMA = 'gapless';
    ELSIF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'a column cannot be attached in a transaction that may not see all of the table''s rows'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Use READ COMMITTED.', SCHEMA = 'gapless', CONSTRAINT = 'attach_snapshot';
    END IF;
    SELECT string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.proname), pg_get_userbyid(c.relowner)
    INTO missing, owner
    FROM pg_catalog.pg_class AS c
    LEFT JOIN pg_catalog.pg_proc AS p
        ON p.pronamespace = 'gapless'::regnamespace AND p.proname LIKE e'column\\_%' AND NOT has_function_privilege(c.relowner, p.oid, 'EXECUTE')
    WHERE c.oid = target
    GROUP BY c.relowner;
    IF missing IS NOT NULL OR NOT has_schema_privilege(owner, 'gapless', 'USAGE') THEN
        RAISE EXCEPTION 'role %, which owns table %, has no right to what numbers its columns', owner, target
            USING ERRCODE = 'insufficient_privilege',
                HINT = pg_catalog.format('As the owner of schema gapless: GRANT USAGE ON SCHEMA gapless TO %1$I%2$s', owner, '; GRANT EXECUTE ON FUNCTION ' || missing || pg_catalog.format(' TO %I', owner)),
                SCHEMA = 'gapless';
    ELSIF owner IS NOT NULL AND NOT pg_has_role(owner, 'USAGE') THEN
        RAISE EXCEPTION 'only the owner of table % can attach a column of it', target
            USING ERRCODE = 'insufficient_privilege', HINT = pg_catalog.format('Ask a member of role %s.', owner), SCHEMA = 'gapless';
    END IF;
    asked := jsonb_build_object('name', attach_gapless.name, 'initial', initial, 'format', format, 'condition', condition, 'chronology', chronology, 'at_commit', at_commit,
        'unnumbered', unnumbered, 'chain', chain, 'hash_column', hash_column, 'previous_column', previous_column, 'moves', moves, 'series_of', series_of);
    kind := gapless.column_shard_kind(target);
    IF kind IS NOT NULL THEN
        PERFORM gapless.shard_attach_table(target, target_column, asked, make_index, path, kind);
        PERFORM set_config('search_path', caller_path, true);
        RETURN;
    END IF;
    IF ensure AND gapless.column_is_attached(target, target_column, NULL, caller_schemas, asked) THEN
        PERFORM set_config('search_path', caller_path, true);
        RETURN;
    END IF;
    PERFORM gapless.column_check_table(target, target_column, caller_schemas);
    SELECT c.relkind, c.relname, n.nspname INTO STRICT relation FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = target;

    -- Nobody writes from here on, and the statements below see every row.
    EXECUTE pg_catalog.format('LOCK TABLE %s IN %s MODE', target, CASE WHEN make_index THEN 'ACCESS EXCLUSIVE' ELSE 'SHARE ROW EXCLUSIVE' END);
    SELECT NULL::regclass AS relation, NULL::name AS column_name, NULL::text AS label, NULL::text AS name INTO head;
    IF series_of IS NOT NULL THEN
        head := gapless.column_head(target, target_column, series_of, caller_schemas, initial, chronology IS NOT NULL, at_commit, chain IS NOT NULL);
    END IF;
    IF head.relation IS NOT NULL AND head.name IS NULL AND attach_gapless.name IS NULL THEN
        RAISE EXCEPTION 'the expression for the name must not be NULL: table % is another owner''s', head.relation
            USING ERRCODE = 'null_value_not_allowed', HINT = 'The view gapless.columns has that of the column named by series_of.', SCHEMA = 'gapless';
    END IF;
    attach_gapless.name := coalesce(attach_gapless.name, head.name, quote_literal(pg_catalog.format('%I.%I.%I', relation.nspname, relation.relname, target_column)));
    definition := pg_catalog.format('name => %L, format => %L, condition => %L, chronology => %L%s%s%s, at_commit => %s, initial => %s, unnumbered => %L%s',
        attach_gapless.name, format, condition, chronology, CASE WHEN chain IS NOT NULL THEN pg_catalog.format(', chain => %L', chain) END, CASE WHEN moves THEN ', moves => true' END,
        ', series_of => ' || quote_literal(head.label), at_commit::pg_catalog.text, initial, unnumbered,
        CASE WHEN chain IS NOT NULL THEN pg_catalog.format(', hash_column => %L, previous_column => %L', hash_column, previous_column) END); -- the view gapless.attachment reads it
    PERFORM gapless.column_guard_partitions(target); -- those that were made since it was attached
    PERFORM gapless.column_make_index(target, target_column, unnumbered, make_index IS TRUE) WHERE at_commit OR condition IS NOT NULL;
    IF gapless.column_is_attached(target, target_column, definition, caller_schemas, asked) THEN
        PERFORM set_config('search_path', caller_path, true);
        RETURN;
    END IF;
    -- Guards that are not whole are made anew.
    PERFORM gapless.column_check_former(target, target_column);
    PERFORM gapless.column_check_owner(target, target_column);
    attachment := gapless.column_draw(target, target_column, head.relation, head.column_name);
    former := ARRAY(SELECT g.definition FROM gapless.column_former_guards(target, target_column) AS g);
    PERFORM gapless.column_dismantle(target, target_column);
    PERFORM gapless.column_check_column(target, target_column, initial, format IS NOT NULL, at_commit OR condition IS NOT NULL, at_commit, unnumbered);
    PERFORM gapless.column_check_chain(target, target_column, hash_column, previous_column, at_commit OR condition IS NOT NULL) WHERE chain IS NOT NULL;
    checked := gapless.column_check_expressions(target, target_column, path, attach_gapless.name, format, condition, chronology, chain, hash_column, previous_column);
    PERFORM gapless.column_check_others(target, target_column, checked.inputs);
    PERFORM gapless.column_check_spelling(target, target_column, checked.spelled);
    PERFORM gapless.column_check_index(target, target_column, unnumbered, checked.name_columns, at_commit OR condition IS NOT NULL);

    options := array_remove(ARRAY[
        CASE WHEN format IS NOT NULL THEN 'format' END, CASE WHEN condition IS NOT NULL THEN 'condition' END, CASE WHEN chronology IS NOT NULL THEN 'chronology' END,
        CASE WHEN at_commit THEN 'at_commit' END, CASE WHEN chain IS NOT NULL THEN 'chain' END, CASE WHEN relation.relkind = 'p' THEN 'partitioned' END, CASE WHEN unnumbered IS NOT NULL THEN 'unnumbered' END, CASE WHEN moves THEN 'moves' END,
        CASE WHEN checked.format_columns <> '{}' THEN 'varied' END, CASE WHEN current_setting('citus.enable_manual_changes_to_shards', true) = 'on' THEN 'shard' END, -- shard_attach
        CASE WHEN checked.name_columns = '{}' OR gapless.column_unique_key(target, target_column, unnumbered) = '0' THEN 'whole' END -- no two series have one text
    ], NULL);
    stem := gapless.column_stem(target, target_column);
    PERFORM gapless.column_express(target, relation.nspname, stem, path, checked.inputs, attach_gapless.name, format, condition, chronology, checked.dated_type, checked.format_columns, chain, target_column, unnumbered);
    pins := gapless.column_pins(path, checked.pinned);
    PERFORM gapless.column_compile(target, target_column, relation.nspname, stem, attachment, initial, options, unnumbered, NULL, NULL, checked.inputs, pins, hash_column, previous_column, head.relation, head.column_name);
    PERFORM gapless.column_own(target, target_column, relation.nspname, stem, definition);
    texts := gapless.column_take_over(target, target_column, relation.nspname, stem, path, options, initial, checked.name_columns, checked.inputs, head.relation, head.column_name);
    PERFORM gapless.column_reclaim(target, target_column, attach_gapless.name, texts.numbers) WHERE head.relation IS NULL;
    IF texts.check_from IS NOT NULL THEN
        PERFORM gapless.column_compile(target, target_column, relation.nspname, stem, attachment, initial, options, unnumbered, texts.check_from, texts.repeat_from, checked.inputs, pins, hash_column, previous_column, head.relation, head.column_name);
    END IF;
    PERFORM gapless.column_make_triggers(target, target_column, relation.nspname, stem, attachment, options, unnumbered, checked.inputs);
    FOREACH guard IN ARRAY former LOOP
        EXECUTE pg_catalog.format(guard, pg_catalog.format('%I.%I', relation.nspname, stem || '_keep'));
    END LOOP;
    inverse := gapless.column_inverse(pg_catalog.format('%I.%I', relation.nspname, stem || '_series')::pg_catalog.regproc, '{}');
    read := CASE WHEN inverse.column_name IS NOT NULL THEN ARRAY[inverse.column_name] ELSE ARRAY(
        SELECT a.attname FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = target AND a.attnum = ANY (checked.inputs) ORDER BY a.attnum
    ) END;
    IF texts.numbers > 10000 AND checked.name_columns <> '{}' AND NOT gapless.column_sought(target, target_column, read, inverse.column_name IS NOT NULL) THEN
        RAISE NOTICE 'column "%" of table %: an audit of one series will read all rows', target_column, target
            USING HINT = pg_catalog.format(
                CASE WHEN inverse.column_name IS NOT NULL THEN 'An index that begins with (%s)' ELSE 'An index that begins with (%s), where these are NOT NULL,' END || ' lets it read those of the series.',
                (SELECT string_agg(quote_ident(r.name), ', ') FROM unnest(read) AS r (name))
            );
    END IF;
    EXECUTE pg_catalog.format('SELECT EXISTS (SELECT FROM %1$s AS t WHERE t.%2$I IS NULL OR t.%2$I::text = %3$L)', target, target_column, unnumbered) INTO pending;
    IF pending AND condition IS NULL THEN
        RAISE NOTICE 'column "%" of table %: there are rows without a number; the next UPDATE of such a row numbers it', target_column, target
            USING HINT = 'To number them in an order of yours, write the numbers before the column is attached.';
    END IF;
    PERFORM gapless.column_check_shared(target, target_column) WHERE texts.numbers > 0 AND head.relation IS NOT NULL;
    PERFORM set_config('search_path', caller_path, true);
END;
$function$;

COMMENT ON FUNCTION gapless.attach_gapless IS
'Lets a column of a table number itself: an INSERT is all that is needed, and RETURNING has the number. name, format (over value, too), condition, chronology and chain are SQL expressions over NEW, compiled into a trigger function in the table''s schema. Takes over the numbers that the table has, and guards numbers from then on against being written, changed and deleted. Repeated, it mends the guards where they are not whole, and else does nothing; with ensure, it locks nothing where the column is attached already, and mends nothing. chain gives each row a hash, over that of the row before. make_index lets unique indexes leave out rows without a number. series_of names, as schema.table.column, an attached column whose series it shares. With moves, an UPDATE may take a row to another sequence. For the table''s owner. Locks the table against writers until the transaction ends. Raises 22004, 22023, 42601, 42703 for arguments; 42501; 42710 where it is attached already; 55000 and 42809 for a table or column that cannot be, and 55000 with ensure where guards are not whole; 23514 for numbers that cannot be taken over.';

REVOKE ALL ON FUNCTION gapless.attach_gapless FROM PUBLIC;
