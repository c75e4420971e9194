-- Runs with the caller's rights. Locks the table (ACCESS EXCLUSIVE), then the column's sequences.
CREATE OR REPLACE FUNCTION gapless.detach_gapless(
    target        regclass,
    target_column name
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    owners record;
BEGIN
    IF target IS NULL OR target_column IS NULL THEN
        RAISE EXCEPTION 'the table and the column must not be NULL'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Give both.', SCHEMA = 'gapless';
    ELSIF NOT (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class AS c WHERE c.oid = target) THEN
        RAISE EXCEPTION 'only the owner of table % can detach a column of it', target
            USING ERRCODE = 'insufficient_privilege', HINT = 'Ask a member of the role that owns it.', SCHEMA = 'gapless';
    ELSIF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
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
    WHERE t.tgrelid = target
        AND t.tgname IN (SELECT ('~gapless_' || w.purpose || '_' || target_column)::name FROM unnest('{insert,update,enter,issue,delete,note,commit,confirm}'::text[]) AS w (purpose))
        AND octet_length(target_column) <= 42
    ORDER BY p.proowner = c.relowner, t.tgname <> ('~gapless_insert_' || target_column)::name
    LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'column "%" of table % is not attached', target_column, target
            USING ERRCODE = 'undefined_object', HINT = 'The view gapless.sequences shows the columns that are.', SCHEMA = 'gapless';
    ELSIF owners.of_function <> owners.of_table THEN
        RAISE EXCEPTION 'column "%" of table % cannot be detached: its table belongs to role %, and its functions to %', target_column, target, owners.of_table, owners.of_function
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = (SELECT string_agg(format('ALTER FUNCTION %s OWNER TO %I;', f.oid::regprocedure, owners.of_table), ' ' ORDER BY f.oid) FROM gapless.column_functions(owners.function) AS f (oid)),
                SCHEMA = 'gapless', CONSTRAINT = 'detach_owner';
    END IF;
    PERFORM gapless.column_dismantle(target, target_column);
    PERFORM gapless.column_release_sequences(target, target_column);
END;
$function$;

COMMENT ON FUNCTION gapless.detach_gapless IS
'Ends what attach_gapless began: the column is an ordinary one again, its numbers stay, and next_gapless may take from its sequences. For the table''s owner. Locks the table and the sequences until the transaction ends. Raises 22004, 42501, 42704 where it is not attached, 55000 outside READ COMMITTED and where the table has another owner than the functions.';

REVOKE ALL ON FUNCTION gapless.detach_gapless FROM PUBLIC;
