-- Runs with the caller's rights.
CREATE OR REPLACE FUNCTION gapless.guard_partitions(
    target regclass DEFAULT NULL -- a table with an attached column, or one of its partitions; NULL for all of the caller's
) RETURNS SETOF regclass
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    root CONSTANT regclass := coalesce(pg_partition_root(target), target);
BEGIN
    IF NOT (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class AS c WHERE c.oid = root) THEN
        RAISE EXCEPTION 'only the owner of table % can guard its partitions', root
            USING ERRCODE = 'insufficient_privilege', HINT = 'Ask a member of the role that owns it.', SCHEMA = 'gapless';
    ELSIF target IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = root AND t.tgname LIKE e'~gapless\\_insert\\_%') THEN
        RAISE EXCEPTION 'no column of table % is attached', root
            USING ERRCODE = 'undefined_object', HINT = 'Attach one: gapless.attach_gapless guards the partitions that there are.',
                SCHEMA = 'gapless', CONSTRAINT = 'gapless_unattached';
    END IF;
    RETURN QUERY
    SELECT DISTINCT g.partition
    FROM (
        SELECT target AS oid WHERE target IS NOT NULL
        UNION
        SELECT c.oid
        FROM pg_catalog.pg_class AS c
        WHERE target IS NULL AND c.relkind = 'p' AND NOT c.relispartition AND pg_has_role(c.relowner, 'USAGE')
            AND EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = c.oid AND t.tgname LIKE e'~gapless\\_insert\\_%')
    ) AS r
    CROSS JOIN LATERAL gapless.column_guard_partitions(r.oid) AS g (partition)
    ORDER BY g.partition;
END;
$function$;

COMMENT ON FUNCTION gapless.guard_partitions IS
'Guards the partitions that were made or attached after attach_gapless, against TRUNCATE and for the time after their detaching, and returns those that had no guards. Call it after each CREATE TABLE ... PARTITION OF and ATTACH PARTITION, in the same transaction; or let guard_new_partitions do it. For the table''s owner. Locks these partitions alone against writers until the transaction ends. Raises 42501, 42704 where no column is attached, 42809 for a partition that is unlogged or foreign; warns of those of other roles.';

REVOKE ALL ON FUNCTION gapless.guard_partitions FROM PUBLIC;
