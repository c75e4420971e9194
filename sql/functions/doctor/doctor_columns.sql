-- Attached columns: their guards, and tables that have left them, or are gone. Takes no lock on a table.
CREATE OR REPLACE VIEW gapless.doctor_columns AS
-- guard_off
SELECT
    'guard_off' AS finding,
    'critical' AS severity,
    format('%I.%I.%I', n.nspname, c.relname, f.column_name) AS object,
    f.fault AS message,
    f.remedy
FROM gapless.fault AS f
JOIN pg_catalog.pg_class AS c ON c.oid = f.relation
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
UNION ALL
-- partition_detached
SELECT
    'partition_detached',
    'notice',
    format('%I.%I', n.nspname, c.relname),
    format('the table was a partition of %s: its numbers stay guarded, and its new rows get none', coalesce(a.table_name, 'one with an attached column')),
    format('ALTER TABLE %s ATTACH PARTITION %I.%I FOR VALUES <as before>; -- or, if it was on purpose: ALTER DATABASE %I SET gapless.doctor_ignored = %L;',
        coalesce(a.table_name, '<the table>'), n.nspname, c.relname, current_database(),
        coalesce((SELECT t.given || ', ' FROM gapless.doctor_setting AS t WHERE t.name = 'gapless.doctor_ignored'), '') || format('partition_detached %I.%I', n.nspname, c.relname))
FROM pg_catalog.pg_trigger AS k
JOIN pg_catalog.pg_class AS c ON c.oid = k.tgrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    -- The table has a trigger of the same function.
    SELECT format('%I.%I', m.nspname, o.relname) AS table_name
    FROM pg_catalog.pg_trigger AS d
    JOIN pg_catalog.pg_class AS o ON o.oid = d.tgrelid
    JOIN pg_catalog.pg_namespace AS m ON m.oid = o.relnamespace
    WHERE d.tgfoid = k.tgfoid AND d.tgparentid = 0 AND starts_with(d.tgname, '~gapless_delete_')
    LIMIT 1
) AS a ON true
WHERE starts_with(k.tgname, '~gapless_kept_delete_')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = k.tgrelid AND NOT i.inhdetachpending)
UNION ALL
-- heir_unguarded
SELECT
    'heir_unguarded',
    'warning',
    format('%I.%I', n.nspname, c.relname),
    format('the table inherits from %I.%I, whose column %I numbers itself: its own rows get no number, and nothing guards those that are written', m.nspname, o.relname, g.column_name),
    format('ALTER TABLE %I.%I NO INHERIT %I.%I;', n.nspname, c.relname, m.nspname, o.relname)
FROM pg_catalog.pg_inherits AS i
JOIN gapless.guard AS g ON g.relation = i.inhparent AND g.purpose = 'insert'
JOIN pg_catalog.pg_class AS o ON o.oid = i.inhparent AND o.relkind <> 'p'
JOIN pg_catalog.pg_namespace AS m ON m.oid = o.relnamespace
JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT EXISTS (SELECT FROM gapless.guard AS h WHERE h.relation = i.inhrelid AND h.column_name = g.column_name AND h.purpose = 'insert')
UNION ALL
-- table_dropped
-- shard_left
SELECT
    CASE WHEN d.shard IS NULL THEN 'table_dropped' ELSE 'shard_left' END,
    'critical',
    coalesce(d.title, format('%I of table %s', d.column_name, d.relation)),
    format(
        CASE WHEN d.shard IS NULL THEN 'the table was dropped, and the rows of %1$s series with it: %2$s' ELSE 'shard %3$s is not on this node any more, and has left series here, %1$s: %2$s' END,
        d.series, array_to_string(d.names[1:3], ', ') || CASE WHEN d.series > 3 THEN format(' and %s more', d.series - 3) ELSE '' END, d.shard
    ),
    CASE
        WHEN d.shard IS NULL THEN format('Restore the table, and attach it again; if it is there, detach its column first. If it was meant, void their numbers with the reason (gapless.void_gapless_batch), or forget the series: SELECT gapless.delete_gapless(s.name) FROM gapless.sequence_lock AS s WHERE s.target = %s AND s.target_column = %L;', d.relation, d.column_name)
        ELSE 'First have the coordinator bring them to where their rows are: SELECT * FROM gapless.attach_shards(); -- what that leaves has no row in any shard: void the numbers with the reason (gapless.void_gapless_batch), or forget each series (gapless.delete_gapless)'
    END
FROM (
    SELECT d.relation, d.column_name, d.title, d.shard, count(*) AS series, array_agg(d.name ORDER BY d.name) AS names
    FROM gapless.dropped AS d
    CROSS JOIN LATERAL (
        SELECT j.last_value FROM gapless.journal AS j WHERE j.name = d.name AND j.kind <> 'closed' ORDER BY j.ordinal DESC LIMIT 1
    ) AS newest
    -- The newest number stands for all. The audit looks at each.
    WHERE NOT EXISTS (SELECT FROM gapless.void AS v WHERE v.name = d.name AND v.value = newest.last_value)
        AND NOT EXISTS (SELECT FROM gapless.decision AS k WHERE k.name = d.name AND k.kind = 'archived' AND k.last_value >= newest.last_value)
    GROUP BY d.relation, d.column_name, d.title, d.shard
) AS d
UNION ALL
-- shards_hidden
SELECT
    'shards_hidden',
    'warning',
    current_database()::text,
    format('Citus hides its shards from this session, so that nothing is said of %s attached columns', count(*)),
    'SET citus.override_table_visibility = off; DISCARD PLANS; -- or ask the coordinator'
FROM pg_catalog.pg_trigger AS t
WHERE t.tgparentid = 0 AND starts_with(t.tgname, '~gapless_insert_') AND NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = t.tgrelid)
HAVING count(*) > 0
UNION ALL
-- shards_unread
SELECT
    'shards_unread',
    'critical',
    'gapless.audit_gapless',
    'gapless was installed before Citus: in a session on a worker, its functions do not see the shards, and an audit takes what it does not see for nothing',
    'Have the functions made again, as the owner of schema gapless: DROP FUNCTION IF EXISTS gapless.version_gapless() CASCADE; and then `gapless migrate up`, or sql/gapless.sql.'
FROM pg_catalog.pg_extension AS e
WHERE e.extname = 'citus'
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = 'gapless'::regnamespace AND p.proname = 'audit_gapless' AND 'citus.override_table_visibility=off' = ANY (p.proconfig)
    )
UNION ALL
-- event_trigger_off
SELECT
    'event_trigger_off',
    'warning',
    e.evtname::text,
    'the event trigger of guard_new_partitions is not enabled, so that new partitions are not guarded',
    format('ALTER EVENT TRIGGER %I ENABLE; SELECT gapless.guard_partitions();', e.evtname)
FROM pg_catalog.pg_event_trigger AS e
WHERE e.evtname = 'gapless_guard_partitions' AND e.evtenabled NOT IN ('O', 'A');

REVOKE ALL ON TABLE gapless.doctor_columns FROM PUBLIC;

COMMENT ON VIEW gapless.doctor_columns IS
'Private, for gapless.doctor. Faults in the guards of attached columns, and tables that have left them, or are gone.';
COMMENT ON COLUMN gapless.doctor_columns.finding IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_columns.severity IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_columns.object IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_columns.message IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_columns.remedy IS 'As in gapless.doctor.';
