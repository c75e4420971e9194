-- Settings of the server, the database and its roles, synchronous standbys, and the room and age of gapless's own tables.
CREATE OR REPLACE VIEW gapless.doctor_server AS
WITH unsafe AS (
    SELECT v.name::text AS name, v.value::text AS value, v.spellings::text[] AS spellings, v.severity::text AS severity, v.danger::text AS danger, v.safe::text AS safe
    FROM (
        VALUES
            ('fsync', 'off', '{off}'::text[], 'critical', 'a crash of the machine corrupts the database', 'on'),
            ('full_page_writes', 'off', '{off}', 'critical', 'a crash of the machine corrupts pages', 'on'),
            ('synchronous_commit', 'off', '{off,of,false,fals,fal,fa,f,no,n,0}', 'critical', 'a crash loses transactions that clients were told have committed, and their numbers are issued again', 'on'),
            ('autovacuum', 'off', '{off}', 'warning', 'one day the server stops', 'on'),
            ('track_counts', 'off', '{off,of,false,fals,fal,fa,f,no,n,0}', 'critical', 'attached columns refuse rows, and autovacuum does nothing', 'on'),
            ('session_replication_role', 'replica', '{replica}', 'critical', 'no trigger fires, so that rows get no number and any number can be written', 'origin')
    ) AS v (name, value, spellings, severity, danger, safe)
), synchronous AS (
    SELECT
        current_setting('synchronous_standby_names') AS names,
        coalesce(substring(current_setting('synchronous_standby_names') FROM '^(?:\s*(?:FIRST|ANY|first|any))?\s*([0-9]+)\s*[(]')::bigint, 1) AS wanted,
        (SELECT count(*) FROM pg_catalog.pg_stat_replication AS r WHERE r.sync_state IN ('sync', 'quorum')) AS present
), own_table AS (
    SELECT
        c.oid,
        format('gapless.%I', c.relname) AS name,
        greatest(age(c.relfrozenxid), mxid_age(c.relminmxid)) AS age,
        c.reloptions,
        c.relpersistence = 'u' AND c.relname NOT IN ('waiting', 'moving') AS unlogged
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = 'gapless'::regnamespace AND c.relkind = 'r'
)
-- unsafe_setting, of the server
SELECT
    'unsafe_setting' AS finding,
    u.severity,
    u.name AS object,
    format('%s is %s on the server: %s', u.name, u.value, u.danger) AS message,
    CASE s.source
        WHEN 'command line' THEN format('Start the server without %s=%s on its command line.', u.name, u.value)
        ELSE format('ALTER SYSTEM SET %s = %s; SELECT pg_reload_conf();', u.name, u.safe)
    END AS remedy
FROM unsafe AS u
JOIN pg_catalog.pg_settings AS s ON s.name = u.name AND s.setting = u.value
WHERE s.source IN ('default', 'configuration file', 'command line', 'environment variable', 'global')
UNION ALL
-- unsafe_setting, of the database or a role
SELECT
    'unsafe_setting',
    CASE WHEN g.everyone THEN u.severity ELSE 'warning' END,
    format('%s of %s', u.name, g.scope),
    format('%s is %s for sessions of %s: %s', u.name, g.value, g.scope, u.danger),
    g.reset
FROM unsafe AS u
JOIN gapless.doctor_given AS g ON g.name = u.name AND lower(g.value) = ANY (u.spellings)
UNION ALL
-- synchronous_standby_missing
SELECT
    'synchronous_standby_missing',
    'critical',
    s.names,
    format('%s of %s synchronous standbys are connected, so that each commit waits, and holds its sequence: end no session', s.present, s.wanted),
    'Bring the standby back. Or do without it, knowing that a fail-over can lose numbers then: ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf();'
FROM synchronous AS s
WHERE s.names <> '' AND s.present < s.wanted
    AND NOT pg_is_in_recovery()
    AND pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
UNION ALL
-- journal_size
SELECT
    'journal_size',
    'warning',
    'gapless.journal',
    format('the journal has %s, more than %s', pg_size_pretty(j.size), pg_size_pretty(t.amount)),
    format(
        'SELECT sum(gapless.prune_gapless(name, now() - interval ''10 years'')) FROM gapless.sequences; -- what your law lets go; or expect more: ALTER DATABASE %I SET gapless.doctor_journal_size = ''%s GB'';',
        current_database(), ceil(2 * j.size / 1073741824.0)
    )
FROM gapless.doctor_setting AS t
CROSS JOIN LATERAL pg_total_relation_size('gapless.journal'::regclass) AS j (size)
WHERE t.name = 'gapless.doctor_journal_size' AND j.size > t.amount
UNION ALL
-- freeze_age
SELECT
    'freeze_age',
    CASE WHEN c.age > 1500000000 THEN 'critical' ELSE 'warning' END,
    c.name,
    format(
        'its oldest row is %s transactions old, and the server stops at some 2,000,000,000; autovacuum was last here %s',
        c.age, coalesce('on ' || to_char(pg_stat_get_last_autovacuum_time(c.oid), 'YYYY-MM-DD'), 'never, as far as it is known')
    ),
    format('VACUUM (FREEZE) %s;', c.name)
FROM own_table AS c
JOIN gapless.doctor_setting AS t ON t.name = 'gapless.doctor_freeze_age' AND c.age > t.amount
UNION ALL
-- autovacuum_disabled
SELECT
    'autovacuum_disabled',
    'warning',
    c.name,
    'autovacuum is switched off for the table: one day the server stops',
    format('ALTER TABLE %s RESET (autovacuum_enabled);', c.name)
FROM own_table AS c
WHERE EXISTS (SELECT FROM unnest(c.reloptions) AS o WHERE lower(o) ~ '^autovacuum_enabled=(of|off|f|fa|fal|fals|false|n|no|0)$')
UNION ALL
-- table_unlogged
SELECT
    'table_unlogged',
    'critical',
    c.name,
    'the table is not logged, so that a crash empties it',
    format('ALTER TABLE %s SET LOGGED;', c.name)
FROM own_table AS c
WHERE c.unlogged
UNION ALL
-- setting_invalid
SELECT
    'setting_invalid',
    'warning',
    t.name,
    format('%s is no %s, so %s is used', quote_literal(t.given), t.kind, t.fallback),
    coalesce((SELECT string_agg(g.reset, ' ' ORDER BY g.reset) FROM gapless.doctor_given AS g WHERE g.name = t.name AND g.value = t.given), format('RESET %s;', t.name))
FROM gapless.doctor_setting AS t
WHERE t.given IS NOT NULL AND NOT t.valid
UNION ALL
SELECT
    'setting_invalid',
    'warning',
    g.name,
    format('%s has a setting %s, and nothing reads one of that name', g.scope, g.name),
    g.reset
FROM gapless.doctor_given AS g
WHERE starts_with(g.name, 'gapless.doctor_') AND NOT EXISTS (SELECT FROM gapless.doctor_setting AS t WHERE t.name = g.name);

REVOKE ALL ON TABLE gapless.doctor_server FROM PUBLIC;

COMMENT ON VIEW gapless.doctor_server IS
'Private, for gapless.doctor. Settings, synchronous standbys, and the room and age of gapless''s tables.';
COMMENT ON COLUMN gapless.doctor_server.finding IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_server.severity IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_server.object IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_server.message IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_server.remedy IS 'As in gapless.doctor.';
