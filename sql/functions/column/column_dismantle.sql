-- Runs with the caller's rights. Of the guards, some may be gone already.
CREATE OR REPLACE FUNCTION gapless.column_dismantle(
    target        regclass,
    target_column name
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    functions regprocedure[];
    item      record;
BEGIN
    SELECT array_agg(DISTINCT f.oid::regprocedure)
    INTO functions
    FROM pg_catalog.pg_trigger AS t
    CROSS JOIN LATERAL gapless.column_functions(t.tgfoid::regproc) AS f (oid)
    WHERE t.tgrelid = target AND t.tgname ~ '^~gapless_[a-z]+_' AND NOT starts_with(t.tgname, '~gapless_shard_') AND regexp_replace(t.tgname, '^~gapless_[a-z]+_', '') = target_column;
    -- The rows that wait get their numbers now.
    PERFORM gapless.column_note_first();
    FOR item IN
        SELECT n.nspname, t.tgname
        FROM pg_catalog.pg_trigger AS t
        JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE t.tgrelid = target AND t.tgdeferrable AND t.tgfoid = ANY (functions)
        ORDER BY t.tgname
    LOOP
        EXECUTE format('SET CONSTRAINTS %I.%I IMMEDIATE', item.nspname, item.tgname);
        EXECUTE format('SET CONSTRAINTS %I.%I DEFERRED', item.nspname, item.tgname);
    END LOOP;
    FOR item IN
        SELECT t.tgname, t.tgrelid::regclass AS relation
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgfoid = ANY (functions) AND t.tgparentid = 0 AND t.tgname LIKE e'~gapless\\_%'
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', item.tgname, item.relation);
    END LOOP;
    FOR item IN SELECT u.signature FROM unnest(functions) AS u (signature) ORDER BY u.signature::oid DESC LOOP
        EXECUTE format('DROP FUNCTION %s', item.signature);
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.column_dismantle IS
'Private, for attach_gapless and detach_gapless. Drops a column''s triggers and functions. Locks the table (ACCESS EXCLUSIVE) until the transaction ends.';

REVOKE ALL ON FUNCTION gapless.column_dismantle FROM PUBLIC;
