-- What sessions and prepared transactions do now. One finding a transaction, however many sequences it holds.
CREATE OR REPLACE VIEW gapless.doctor_activity AS
WITH holder AS MATERIALIZED (
    SELECT h.name, h.state, h.pid, h.transaction_age, h.query FROM gapless.holders AS h
), held AS (
    SELECT
        h.pid,
        array_to_string((array_agg(h.name ORDER BY h.name))[1:3], ', ') || CASE WHEN count(*) > 3 THEN format(' and %s more', count(*) - 3) ELSE '' END AS names,
        sum((SELECT count(*) FROM holder AS w WHERE w.state = 'waits' AND w.name = h.name)) AS waiting,
        date_trunc('second', max(h.transaction_age)) AS age,
        format('session %s (application %s, role %s)', h.pid, quote_literal(a.application_name), quote_ident(a.usename)) AS who,
        left(regexp_replace(max(h.query), '\s+', ' ', 'g'), 120) AS query,
        a.wait_event IS NOT DISTINCT FROM 'SyncRep' AS replicates,
        CASE WHEN starts_with(a.state, 'idle in transaction') THEN clock_timestamp() - a.state_change END AS idle
    FROM holder AS h
    JOIN pg_catalog.pg_stat_activity AS a ON a.pid = h.pid
    WHERE h.state = 'holds'
    GROUP BY h.pid, a.application_name, a.usename, a.wait_event, a.state, a.state_change
), prepared AS (
    -- A prepared transaction that locked in a savepoint has no name in gapless.holders, but its locks.
    SELECT
        p.gid,
        p.owner,
        date_trunc('second', clock_timestamp() - p.prepared) AS age,
        EXISTS (
            SELECT
            FROM pg_catalog.pg_locks AS own
            JOIN pg_catalog.pg_locks AS l ON l.virtualtransaction = own.virtualtransaction AND l.pid IS NULL
            WHERE own.locktype = 'transactionid' AND own.transactionid = p.transaction AND own.pid IS NULL
                AND l.locktype = 'relation' AND l.relation = 'gapless.sequence_lock'::regclass
        ) AS holds
    FROM pg_catalog.pg_prepared_xacts AS p
    WHERE p.database = current_database()
), snapshot AS (
    SELECT
        format('session %s', a.pid) AS object,
        format('session %s (application %s, role %s, %s)', a.pid, quote_literal(a.application_name), quote_ident(a.usename), a.state) AS who,
        a.backend_xmin AS xmin,
        a.xact_start AS since,
        format('SELECT pg_terminate_backend(%s);', a.pid) AS remedy
    FROM pg_catalog.pg_stat_activity AS a
    WHERE a.pid <> pg_backend_pid()
        AND a.backend_type NOT IN ('walsender', 'autovacuum worker')
        AND (a.datname = current_database() OR a.datname IS NULL)
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum AS v WHERE v.pid = a.pid)
    UNION ALL
    SELECT format('replication slot %s', s.slot_name), format('replication slot %s', s.slot_name), s.xmin, NULL, format('SELECT pg_drop_replication_slot(%L); -- if nobody reads it', s.slot_name)
    FROM pg_catalog.pg_replication_slots AS s
    UNION ALL
    SELECT format('standby %s', r.application_name), format('standby %s, by its hot_standby_feedback,', r.application_name), r.backend_xmin, NULL, 'Look for the query on the standby that takes so long, and end it there.'
    FROM pg_catalog.pg_stat_replication AS r
)
-- held_long
SELECT
    'held_long' AS finding,
    CASE WHEN h.waiting > 0 THEN 'critical' ELSE 'warning' END AS severity,
    h.names AS object,
    format('held for %s by %s, %s wait: %s', h.age, h.who, h.waiting, h.query) AS message,
    CASE
        WHEN h.replicates THEN 'Do not end it: it has committed here, and waits for a synchronous standby. Bring that back.'
        ELSE format('SELECT pg_terminate_backend(%s);', h.pid)
    END AS remedy
FROM held AS h
JOIN gapless.doctor_setting AS t ON t.name = 'gapless.doctor_held' AND h.age > t.duration
JOIN gapless.doctor_setting AS i ON i.name = 'gapless.doctor_idle' AND (h.idle > i.duration) IS NOT TRUE
UNION ALL
-- idle_holder
SELECT
    'idle_holder',
    'critical',
    h.names,
    format('held by %s, which has done nothing in its transaction for %s; %s wait. Its last statement: %s', h.who, date_trunc('second', h.idle), h.waiting, h.query),
    format('SELECT pg_terminate_backend(%s);', h.pid)
FROM held AS h
JOIN gapless.doctor_setting AS t ON t.name = 'gapless.doctor_idle' AND h.idle > t.duration
UNION ALL
-- many_wait
SELECT
    'many_wait',
    'warning',
    h.name,
    format('%s transactions wait for it, the longest for %s', count(*), coalesce(date_trunc('second', max(h.transaction_age))::text, 'an unknown time')),
    'If one transaction holds it all the time, see gapless.holders. If one follows the other, the series is at its limit: commit in groups (flush_gapless), or split it.'
FROM holder AS h
JOIN gapless.doctor_setting AS t ON t.name = 'gapless.doctor_waiting'
WHERE h.state = 'waits'
GROUP BY h.name, t.amount
HAVING count(*) > t.amount
UNION ALL
-- prepared_left
SELECT
    'prepared_left',
    CASE WHEN p.holds THEN 'critical' ELSE 'warning' END,
    p.gid,
    format('the transaction that role %s prepared is there for %s', quote_ident(p.owner), p.age)
        || CASE WHEN p.holds THEN ', and holds ' || coalesce((SELECT string_agg(h.name, ', ' ORDER BY h.name) FROM gapless.holders AS h WHERE h.prepared_as = p.gid), 'a sequence') ELSE '' END,
    format('ROLLBACK PREPARED %L; -- or COMMIT PREPARED, where the transaction manager says that the others committed', p.gid)
FROM prepared AS p
JOIN gapless.doctor_setting AS t ON t.name = 'gapless.doctor_prepared' AND p.age >= t.duration
UNION ALL
-- old_snapshot
SELECT
    'old_snapshot',
    'warning',
    s.object,
    format('%s has a snapshot that is %s transactions old%s: what was deleted or updated since stays in all tables', s.who, age(s.xmin), ', since ' || date_trunc('second', clock_timestamp() - s.since)),
    s.remedy
FROM snapshot AS s
JOIN gapless.doctor_setting AS d ON d.name = 'gapless.doctor_snapshot'
JOIN gapless.doctor_setting AS n ON n.name = 'gapless.doctor_snapshot_age'
WHERE s.xmin IS NOT NULL AND (clock_timestamp() - s.since > d.duration OR age(s.xmin) > n.amount)
UNION ALL
-- not_seen
SELECT
    'not_seen',
    CASE WHEN w.long > 0 THEN 'warning' ELSE 'notice' END,
    current_user::text,
    format('role %I sees no other role''s sessions: not who holds a sequence for long or is idle in a transaction, no old snapshot, no synchronous standby', current_user)
        || CASE WHEN w.long > 0 THEN format('; and %s wait for a sequence longer than %s', w.long, w.duration) ELSE '' END,
    format('GRANT pg_read_all_stats TO %I;', current_user)
FROM (
    SELECT count(DISTINCT l.pid) AS long, t.duration
    FROM gapless.doctor_setting AS t
    LEFT JOIN holder AS h ON h.state = 'waits'
    LEFT JOIN pg_catalog.pg_locks AS l ON l.pid = h.pid AND NOT l.granted AND clock_timestamp() - l.waitstart > t.duration
    WHERE t.name = 'gapless.doctor_held'
    GROUP BY t.duration
) AS w
WHERE NOT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
UNION ALL
-- standby
SELECT
    'standby',
    'notice',
    current_database()::text,
    'this is a standby, which does not know who holds or waits for a sequence on its primary, and what is prepared there',
    'Look at the primary, too.'
WHERE pg_is_in_recovery();

REVOKE ALL ON TABLE gapless.doctor_activity FROM PUBLIC;

COMMENT ON VIEW gapless.doctor_activity IS
'Private, for gapless.doctor. What sessions and prepared transactions do now, and what of it the reader does not see.';
COMMENT ON COLUMN gapless.doctor_activity.finding IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_activity.severity IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_activity.object IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_activity.message IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_activity.remedy IS 'As in gapless.doctor.';
