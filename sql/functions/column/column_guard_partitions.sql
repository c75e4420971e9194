-- PostgreSQL gives a partition the row triggers of its table, but not those of statements, and takes them back when the
-- partition is detached. So partitions get triggers of their own; those named kept act once it has left. Runs with the
-- caller's rights, and waits for those who write to these partitions, in the order of their oids. guard_new_partitions
-- copies it for its event trigger, where target is NULL: then the partitions are those that the command has locked for
-- itself, so that it waits for nobody. The copy runs as every role that makes a table, so it may call nothing of gapless.
CREATE OR REPLACE FUNCTION gapless.column_guard_partitions(
    target regclass -- a partitioned table, or one of its partitions
) RETURNS SETOF regclass
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    guard record;
BEGIN
    FOR guard IN
        SELECT c.oid::regclass AS relation, n.name, v.kind, k.tgfoid::regproc AS function,
            regexp_replace(v.kind, '_(delete|update)$', '') AS argument, present.anothers,
            CASE WHEN v.unnumbered IS NULL OR v.unnumbered = late.unnumbered THEN format(v.event, n.name, c.oid::regclass, col.name) END AS event,
            CASE
                WHEN c.relkind = 'f' THEN 'it is a foreign table'
                WHEN c.relpersistence <> 'p' THEN 'it is not logged'
                WHEN NOT pg_has_role(c.relowner, 'USAGE') THEN format('it belongs to role %I', pg_get_userbyid(c.relowner))
            END AS reason
        FROM (
            SELECT target AS oid WHERE target IS NOT NULL
            UNION
            SELECT d.objid FROM pg_event_trigger_ddl_commands() AS d WHERE target IS NULL AND d.classid = 'pg_class'::regclass
        ) AS changed
        JOIN pg_catalog.pg_class AS r ON r.oid = coalesce(pg_partition_root(changed.oid), changed.oid) AND r.relkind = 'p'
        JOIN pg_catalog.pg_trigger AS k ON k.tgrelid = r.oid AND k.tgname LIKE e'~gapless\\_delete\\_%'
        JOIN pg_catalog.pg_proc AS f ON f.oid = k.tgfoid AND f.proowner = r.relowner
        CROSS JOIN LATERAL (SELECT substr(k.tgname, length('~gapless_delete_') + 1)::name) AS col (name)
        LEFT JOIN LATERAL (
            SELECT pg_get_triggerdef(t.oid) LIKE '%NULLIF(%'
            FROM pg_catalog.pg_trigger AS t
            WHERE t.tgrelid = r.oid AND t.tgname = ('~gapless_commit_' || col.name)::name
        ) AS late (unnumbered) ON true -- whether a text means no number, too
        CROSS JOIN LATERAL pg_partition_tree(changed.oid) AS p
        JOIN pg_catalog.pg_class AS c ON c.oid = p.relid AND c.oid <> r.oid
        CROSS JOIN (
            VALUES
                ('settle', NULL::boolean, 'TRIGGER %I AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH STATEMENT'),
                ('truncate', NULL, 'TRIGGER %I BEFORE TRUNCATE ON %s FOR EACH STATEMENT'),
                ('kept_delete', NULL, 'TRIGGER %I AFTER DELETE ON %s FOR EACH ROW WHEN (OLD.%I IS NOT NULL)'),
                ('kept_update', NULL, 'TRIGGER %I BEFORE UPDATE ON %s FOR EACH ROW WHEN (OLD.%I IS NOT NULL)'),
                ('kept_commit', false, 'CONSTRAINT TRIGGER %I AFTER INSERT OR UPDATE ON %s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW'
                    ' WHEN (NEW.%I IS NULL AND pg_catalog.pg_partition_root(NEW.tableoid) IS NOT NULL)'),
                ('kept_commit', true, 'CONSTRAINT TRIGGER %I AFTER INSERT OR UPDATE ON %s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW'
                    ' WHEN (pg_catalog.pg_partition_root(NEW.tableoid) IS NOT NULL)')
        ) AS v (kind, unnumbered, event)
        CROSS JOIN LATERAL (SELECT concat('~gapless_', v.kind, '_', col.name)::name) AS n (name)
        CROSS JOIN LATERAL (
            SELECT count(*) > 0, coalesce(bool_or(t.tgfoid <> k.tgfoid), false) -- of a table of which it was a partition before
            FROM pg_catalog.pg_trigger AS t
            WHERE t.tgrelid = c.oid AND t.tgname = n.name
        ) AS present (there, anothers)
        WHERE (c.relkind <> 'p' OR v.kind = 'settle')
            AND (v.unnumbered IS NULL OR v.unnumbered = late.unnumbered OR present.anothers AND late.unnumbered IS NULL)
            AND (present.anothers OR NOT present.there)
            AND (target IS NOT NULL OR EXISTS (
                SELECT FROM pg_catalog.pg_locks AS l
                WHERE l.pid = pg_backend_pid() AND l.relation = c.oid AND l.mode = 'AccessExclusiveLock'
                    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
            ))
        ORDER BY c.oid, n.name
    LOOP
        IF guard.reason IS NOT NULL THEN
            PERFORM gapless.column_check_partition(guard.relation); -- unless event
            IF guard.kind = 'settle' THEN
                RAISE WARNING 'partition % is not guarded: %', guard.relation, guard.reason
                    USING HINT = 'Call gapless.guard_partitions as a member of the roles that own the table and the partition.';
            END IF;
            CONTINUE;
        END IF;
        EXECUTE format('LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE', guard.relation);
        IF guard.anothers THEN
            EXECUTE format('DROP TRIGGER IF EXISTS %I ON %s', guard.name, guard.relation);
        END IF;
        IF guard.event IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = guard.relation AND t.tgname = guard.name) THEN -- meanwhile
            EXECUTE format('CREATE %s EXECUTE FUNCTION %s(%L)', guard.event, guard.function, guard.argument);
            RETURN NEXT guard.relation; -- unless event
        END IF;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.column_guard_partitions IS
'Private, for attach_gapless, guard_partitions and guard_new_partitions. Guards the partitions of a table that are not yet guarded, against TRUNCATE and against what may happen to them after they were detached, by triggers of their own. Raises 42809 for one that is unlogged or foreign, and warns of those of other roles.';

REVOKE ALL ON FUNCTION gapless.column_guard_partitions FROM PUBLIC;
