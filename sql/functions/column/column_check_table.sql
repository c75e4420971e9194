CREATE OR REPLACE FUNCTION gapless.column_check_table(
    target         regclass,
    target_column  name,
    caller_schemas name[] -- of the search_path under which the expressions are understood
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    relation record;
    fault    text;
    hint     text;
    other    text;
BEGIN
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
        hint := format('Use an ordinary table: ALTER TABLE %s SET LOGGED;', target);
    END IF;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION '% cannot number a column of its own: %', target, fault
            USING ERRCODE = 'wrong_object_type', HINT = hint, SCHEMA = 'gapless', COLUMN = 'target';
    END IF;
    IF to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL AND EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = target AND t.tgname = ('~gapless_shard_' || target_column)::name)
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = target AND t.tgname = ('~gapless_insert_' || target_column)::name) THEN
        RAISE EXCEPTION 'column "%" of table % was attached when the table was distributed, and its series are still where its shards were', target_column, target
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('This brings them, and attaches it: SELECT * FROM gapless.attach_shards(%L);', target),
                SCHEMA = relation.nspname, TABLE = relation.relname, COLUMN = target_column, CONSTRAINT = 'attach_undistributed';
    END IF;
    SELECT string_agg(quote_ident(n.nspname), ', ')
    INTO other
    FROM pg_catalog.pg_namespace AS n
    CROSS JOIN LATERAL aclexplode(n.nspacl) AS acl
    WHERE acl.grantee = 0 AND acl.privilege_type = 'CREATE' AND n.nspname = ANY (caller_schemas);
    IF other IS NOT NULL THEN
        RAISE WARNING 'everyone can create functions in schema %, and the expressions of column "%" may find them', other, target_column
            USING HINT = format('REVOKE CREATE ON SCHEMA %s FROM PUBLIC; or attach under a search_path without it.', other);
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_check_table IS
'Private, for attach_gapless. Raises 42P01, 42809 for a table that cannot number a column of its own, 55000 for one that Citus does not distribute any more, and a warning for a search_path on which everyone can create functions.';

REVOKE ALL ON FUNCTION gapless.column_check_table FROM PUBLIC;
