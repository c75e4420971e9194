CREATE OR REPLACE VIEW gapless.audits AS
SELECT -- gives no row, as in gapless.sequences
    r.ordinal,
    'epoch'::timestamptz AS recorded_at,
    ''::text AS recorded_by,
    NULL::text AS recorded_as,
    0::bigint AS txid,
    NULL::text AS name,
    NULL::text AS pattern,
    NULL::text AS table_name,
    NULL::text AS column_name,
    NULL::text AS note,
    0::bigint AS series,
    0::bigint AS documents,
    0::bigint AS findings,
    0::bigint AS unexplained,
    0::bigint AS not_read,
    0::bigint AS new_findings,
    ''::text AS result,
    r.digest,
    false AS intact
FROM gapless.audit_record AS r
WHERE false
UNION ALL
SELECT
    a.ordinal,
    (a.entry ->> 'recorded_at')::timestamptz AS recorded_at,
    a.entry ->> 'recorded_by' AS recorded_by,
    a.entry ->> 'recorded_as' AS recorded_as,
    (a.entry ->> 'txid')::bigint AS txid,
    a.entry ->> 'name' AS name,
    a.entry ->> 'pattern' AS pattern,
    a.entry ->> 'table_name' AS table_name,
    a.entry ->> 'column_name' AS column_name,
    a.entry ->> 'note' AS note,
    (a.entry ->> 'series')::bigint AS series,
    (a.entry ->> 'documents')::bigint AS documents,
    (a.entry ->> 'findings')::bigint AS findings,
    (a.entry ->> 'unexplained')::bigint AS unexplained,
    (a.entry ->> 'not_read')::bigint AS not_read,
    (a.entry ->> 'new_findings')::bigint AS new_findings,
    CASE WHEN (a.entry ->> 'unexplained')::bigint > 0 THEN 'not explained' WHEN (a.entry ->> 'not_read')::bigint > 0 THEN 'not read' ELSE 'sound' END AS result,
    a.digest,
    coalesce(
        a.ordinal = a.place
        AND a.digest = sha256(coalesce(a.digest_before, '') || convert_to(a.entry::text, 'UTF8'))
        AND (a.entry ->> 'new_findings')::bigint = coalesce(k.findings, 0)
        AND (k.digest = a.entry ->> 'new_digest' OR k.digest IS NULL),
        false
    ) AS intact
FROM (
    SELECT
        r.ordinal,
        r.entry,
        r.digest,
        lag(r.digest) OVER (ORDER BY r.ordinal) AS digest_before,
        row_number() OVER (ORDER BY r.ordinal) AS place
    FROM gapless.audit_record AS r
) AS a
LEFT JOIN (
    SELECT f.record, count(*) AS findings, encode(sha256(string_agg(uuid_send(f.key), '' ORDER BY f.key)), 'hex') AS digest
    FROM gapless.recorded_finding AS f
    GROUP BY f.record
) AS k ON k.record = a.ordinal;

REVOKE ALL ON TABLE gapless.audits FROM PUBLIC;

COMMENT ON VIEW gapless.audits IS
'One row an audit that was recorded (record_audit_gapless): who audited what, when, and with which result.';
COMMENT ON COLUMN gapless.audits.ordinal IS 'The running count, from 1.';
COMMENT ON COLUMN gapless.audits.recorded_at IS 'The server''s clock when the audit began.';
COMMENT ON COLUMN gapless.audits.recorded_by IS 'session_user: who logged in.';
COMMENT ON COLUMN gapless.audits.recorded_as IS 'The role chosen by SET ROLE, or NULL.';
COMMENT ON COLUMN gapless.audits.txid IS 'The top-level transaction.';
COMMENT ON COLUMN gapless.audits.name IS 'The sequence that was asked for, or NULL.';
COMMENT ON COLUMN gapless.audits.pattern IS 'The pattern of names that was asked for, or NULL.';
COMMENT ON COLUMN gapless.audits.table_name IS 'The table whose series were asked for, as schema.table, or NULL.';
COMMENT ON COLUMN gapless.audits.column_name IS 'Its column that was asked for, or NULL.';
COMMENT ON COLUMN gapless.audits.note IS 'What whoever recorded it had to say, or NULL.';
COMMENT ON COLUMN gapless.audits.series IS 'How many series were compared.';
COMMENT ON COLUMN gapless.audits.documents IS 'How many rows have a number of them.';
COMMENT ON COLUMN gapless.audits.findings IS 'How many findings there were, without those of kind ''not read''.';
COMMENT ON COLUMN gapless.audits.unexplained IS 'How many of them nothing explained.';
COMMENT ON COLUMN gapless.audits.not_read IS 'How many columns could not be read, and series whose table was dropped.';
COMMENT ON COLUMN gapless.audits.new_findings IS 'How many of both no record before had.';
COMMENT ON COLUMN gapless.audits.result IS '''sound''; ''not explained'': a finding was not; ''not read'': all that was read was sound.';
COMMENT ON COLUMN gapless.audits.digest IS 'SHA-256 over the record, its findings, and the digest of the record before.';
COMMENT ON COLUMN gapless.audits.intact IS 'Whether the record, what it had that was new, and its place after the record before are as they were written.';
