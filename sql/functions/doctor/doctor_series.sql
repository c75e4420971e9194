-- Sequences that come to an end, and what was recorded of audits.
CREATE OR REPLACE VIEW gapless.doctor_series AS
WITH series AS (
    -- Here is only the newest number, of sequences that are not closed. The last condition is true; by it the planner takes them for
    -- few, and does not compile the query, which takes longer than to run it.
    SELECT s.name, newest.last_value
    FROM gapless.sequence_lock AS s
    CROSS JOIN LATERAL (
        SELECT j.last_value
        FROM gapless.journal AS j
        WHERE j.name = s.name
        ORDER BY j.ordinal DESC
        LIMIT 1
    ) AS newest
    WHERE s.name = concat(s.name)
), bounded AS (
    SELECT q.name, q.numbers_left, q.valid_until, q.warning OR NOT own.warns AND q.numbers_left <= own.numbers * (100 - t.amount) / 100 AS warning
    FROM gapless.sequence_lock AS s
    JOIN gapless.doctor_setting AS t ON t.name = 'gapless.doctor_used'
    CROSS JOIN LATERAL (
        SELECT q.name, q.numbers_left, q.valid_until, q.warning FROM gapless.sequences AS q WHERE q.name = s.name AND NOT q.closed LIMIT 1
    ) AS q
    CROSS JOIN LATERAL (
        SELECT bool_or(r.warn_left > 0) AS warns, sum(r.last_value::numeric - r.first_value + 1) AS numbers FROM gapless.number_range AS r WHERE r.name = s.name
    ) AS own
    WHERE s.bounded AND s.name = concat(s.name)
), newest AS (
    SELECT DISTINCT ON (a.name, a.pattern, a.table_name, a.column_name)
        a.ordinal, a.recorded_at, a.name, a.pattern, a.table_name, a.column_name, a.unexplained, a.not_read,
        coalesce(a.table_name || '.' || a.column_name, a.table_name, a.name, a.pattern, 'all series') AS scope,
        concat_ws(', ',
            'name => ' || quote_literal(a.name), 'pattern => ' || quote_literal(a.pattern),
            'target => ' || quote_literal(a.table_name), 'target_column => ' || quote_literal(a.column_name)
        ) AS arguments
    FROM gapless.audits AS a
    ORDER BY a.name, a.pattern, a.table_name, a.column_name, a.ordinal DESC
)
-- numbers_run_out
SELECT
    'numbers_run_out' AS finding,
    CASE WHEN s.last_value = 9223372036854775807 THEN 'critical' ELSE 'warning' END AS severity,
    s.name AS object,
    format('its newest number is %s, and the last one is 9223372036854775807', s.last_value) AS message,
    format(
        'Give the series another name, with which it begins anew. If nothing came of a number that was adopted: BEGIN; SELECT gapless.delete_gapless(%L); SELECT gapless.adopt_gapless(%L, <the right number>); COMMIT;',
        s.name, s.name
    ) AS remedy
FROM series AS s
JOIN gapless.doctor_setting AS t ON t.name = 'gapless.doctor_used' AND s.last_value > 92233720368547758.07 * t.amount
UNION ALL
-- range_ended
SELECT
    'range_ended',
    'critical',
    s.name,
    'no range has a number left, so that nothing is issued',
    format('SELECT gapless.range_gapless(%L, <first number>, <last number>, ''<reference>''); -- what the authority grants', s.name)
FROM bounded AS s
WHERE s.numbers_left = 0
UNION ALL
-- range_ending
SELECT
    'range_ending',
    'warning',
    s.name,
    format('its ranges have %s numbers left', s.numbers_left) || coalesce(', until ' || to_char(s.valid_until, 'YYYY-MM-DD'), ''),
    format('SELECT gapless.range_gapless(%L, <first number>, <last number>, ''<reference>''); -- what the authority grants', s.name)
FROM bounded AS s
WHERE s.warning AND s.numbers_left > 0
UNION ALL
-- audit_unexplained
SELECT
    'audit_unexplained',
    'critical',
    n.scope,
    format('the newest audit that was recorded, of %s, found %s that nothing explains', to_char(n.recorded_at, 'YYYY-MM-DD HH24:MI'), n.unexplained),
    format('SELECT * FROM gapless.audit_gapless(%s) WHERE NOT explained; -- mend what it finds, and then: SELECT * FROM gapless.record_audit_gapless(%s);', n.arguments, n.arguments)
FROM newest AS n
WHERE n.unexplained > 0
UNION ALL
-- audit_not_read
SELECT
    'audit_not_read',
    'warning',
    n.scope,
    format('the newest audit that was recorded, of %s, could not read %s of the columns', to_char(n.recorded_at, 'YYYY-MM-DD HH24:MI'), n.not_read),
    format('SELECT * FROM gapless.audit_gapless(%s) WHERE kind = ''not read''; -- mend that, and then: SELECT * FROM gapless.record_audit_gapless(%s);', n.arguments, n.arguments)
FROM newest AS n
WHERE n.not_read > 0
UNION ALL
-- audit_old
SELECT
    'audit_old',
    'warning',
    n.scope,
    format('the newest audit that was recorded is of %s', to_char(n.recorded_at, 'YYYY-MM-DD HH24:MI')),
    format('SELECT * FROM gapless.record_audit_gapless(%s);', n.arguments)
FROM (SELECT n.* FROM newest AS n ORDER BY n.ordinal DESC LIMIT 1) AS n
JOIN gapless.doctor_setting AS t ON t.name = 'gapless.doctor_audit' AND clock_timestamp() - n.recorded_at > t.duration
UNION ALL
-- audit_altered
SELECT
    'audit_altered',
    'critical',
    format('audit %s', a.ordinal),
    format('the audit that was recorded on %s, or the one before it, is not as it was written', to_char(a.recorded_at, 'YYYY-MM-DD HH24:MI')),
    'Find out who changed it, and tell the auditor: a backup has what it was. It stays a finding.'
FROM gapless.audits AS a
WHERE NOT a.intact;

REVOKE ALL ON TABLE gapless.doctor_series FROM PUBLIC;

COMMENT ON VIEW gapless.doctor_series IS
'Private, for gapless.doctor. Sequences and ranges that come to an end, and what was recorded of audits.';
COMMENT ON COLUMN gapless.doctor_series.finding IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_series.severity IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_series.object IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_series.message IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_series.remedy IS 'As in gapless.doctor.';
