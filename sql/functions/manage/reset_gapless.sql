-- Runs with the caller's rights, so each table's owner has to be asked. The guards are off while it runs, which nobody sees before it
-- commits.
CREATE OR REPLACE FUNCTION gapless.reset_gapless(
    databases text,
    names     text[] DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    tables  regclass[];
    guarded regclass[];
    guards  name[];
    always  boolean[];
    made    record;
    item    text;
BEGIN
    IF reset_gapless.databases IS NULL THEN
        RAISE EXCEPTION 'the databases must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give a pattern of LIKE for the names of your test databases, such as ''%test%''.',
                SCHEMA = 'gapless';
    ELSIF reset_gapless.databases !~ '[^%_][^%_]' THEN
        RAISE EXCEPTION 'the pattern "%" is like every database', left(reset_gapless.databases, 100)
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Give a pattern of LIKE for the names of your test databases alone, such as ''%test%''.',
                SCHEMA = 'gapless';
    ELSIF current_database() NOT LIKE reset_gapless.databases THEN
        RAISE EXCEPTION 'database "%" is not a test''s: its name is not like "%"', current_database(), left(reset_gapless.databases, 100)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Numbers can be reset in a test database alone. If this is one, give the pattern of its name.',
                SCHEMA = 'gapless', CONSTRAINT = 'reset_databases';
    ELSIF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'numbers cannot be reset in a transaction that may not see all of them'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Use READ COMMITTED.', SCHEMA = 'gapless', CONSTRAINT = 'reset_snapshot';
    END IF;
    tables := ARRAY(
        SELECT a.relation::regclass FROM gapless.attachment AS a WHERE a.stem IS NOT NULL
        UNION
        SELECT g.partition FROM gapless.attachment AS a CROSS JOIN gapless.column_former_guards(a.relation, a.column_name) AS g
        ORDER BY 1
    );
    SELECT array_agg(t.tgrelid::regclass ORDER BY t.oid), array_agg(t.tgname ORDER BY t.oid), array_agg(t.tgenabled = 'A' ORDER BY t.oid)
    INTO guarded, guards, always
    FROM pg_trigger AS t
    WHERE t.tgenabled IN ('O', 'A')
        AND CASE
            WHEN t.tgrelid IN ('gapless.audit_record'::regclass, 'gapless.recorded_finding'::regclass) THEN names IS NULL
            ELSE starts_with(t.tgname, '~gapless_') AND EXISTS (
                SELECT FROM unnest(tables) AS w (relation) WHERE t.tgrelid = w.relation OR t.tgrelid IN (SELECT p.relid FROM pg_partition_tree(w.relation) AS p)
            )
        END;
    FOR i IN 1 .. coalesce(cardinality(guards), 0) LOOP
        EXECUTE format('ALTER TABLE ONLY %s DISABLE TRIGGER %I', guarded[i], guards[i]);
    END LOOP;
    LOCK TABLE gapless.sequence_lock IN EXCLUSIVE MODE; -- waits for whoever numbers
    IF names IS NOT NULL THEN
        FOR made IN
            SELECT w.relation, a.column_name, a.unnumbered, p.oid::regproc AS series, p.proargnames AS inputs
            FROM gapless.attachment AS a
            JOIN pg_proc AS p ON p.pronamespace = a.schema AND p.proowner = a.maker AND p.proname = a.stem || '_series'
            CROSS JOIN LATERAL (
                SELECT a.relation::regclass UNION SELECT g.partition FROM gapless.column_former_guards(a.relation, a.column_name) AS g
            ) AS w (relation)
        LOOP
            EXECUTE format('DELETE FROM %s AS t WHERE nullif(t.%I::text, %L) IS NOT NULL AND %s(%s) = ANY ($1)',
                made.relation, made.column_name, made.unnumbered, made.series, (
                    SELECT string_agg(format('t.%I', n.name), ', ' ORDER BY n.i) FROM unnest(made.inputs) WITH ORDINALITY AS n (name, i)
                )) USING names;
        END LOOP;
    ELSIF tables <> '{}' THEN
        EXECUTE format('TRUNCATE %s CASCADE', array_to_string(tables, ', '));
    END IF;
    FOREACH item IN ARRAY ARRAY['journal', 'void', 'decision', 'link', 'number_range', 'known_text', 'former'] LOOP
        EXECUTE format('DELETE FROM gapless.%I WHERE $1 IS NULL OR name = ANY ($1)', item) USING names;
    END LOOP;
    IF names IS NULL THEN
        DELETE FROM gapless.recorded_finding;
        DELETE FROM gapless.audit_record;
    END IF;
    -- A sequence of an attached column stays its own.
    UPDATE gapless.sequence_lock AS s
    SET adoptions = 0, bounded = false, initial = (SELECT a.initial FROM gapless.attachment AS a WHERE a.relation = s.target AND a.column_name = s.target_column)
    WHERE (names IS NULL OR s.name = ANY (names)) AND gapless.attached_column(s.target, s.target_column) IS NOT NULL;
    DELETE FROM gapless.sequence_lock AS s
    WHERE (names IS NULL OR s.name = ANY (names)) AND gapless.attached_column(s.target, s.target_column) IS NULL;
    FOR i IN 1 .. coalesce(cardinality(guards), 0) LOOP
        IF always[i] THEN
            EXECUTE format('ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER %I', guarded[i], guards[i]);
        ELSE
            EXECUTE format('ALTER TABLE ONLY %s ENABLE TRIGGER %I', guarded[i], guards[i]);
        END IF;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.reset_gapless IS
'For test databases: forgets numbers, so that they begin anew. Without names it forgets all that gapless knows in the database, recorded audits too, and truncates the tables that have an attached column, and those that refer to them by a foreign key; with names, those sequences, and it deletes their rows in attached columns. Columns stay attached. databases is a pattern of LIKE: the name of this database has to be like it. For the owner of the schema and of the tables, or a superuser. Locks the tables (ACCESS EXCLUSIVE) and all sequences until the transaction ends. Raises 22004 for NULL, 22023 for a pattern without two characters of a name, 55000 in another database and above READ COMMITTED, 42501 for another role.';

REVOKE ALL ON FUNCTION gapless.reset_gapless FROM PUBLIC;
