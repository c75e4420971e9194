-- One statement audits and records, so that both are of one snapshot. Its lock comes first: records follow each other,
-- and each knows those before it. Nobody who numbers waits for it, nor an audit that is not recorded.
-- It is long because the statement is one.
CREATE OR REPLACE FUNCTION gapless.record_audit_gapless(
    name          text     DEFAULT NULL,
    pattern       text     DEFAULT NULL,
    target        regclass DEFAULT NULL,
    target_column name     DEFAULT NULL,
    with_series   boolean  DEFAULT false,
    note          text     DEFAULT NULL
) RETURNS TABLE (
    sequence        text,
    attached_column text,
    kind            text,
    first_value     bigint,
    last_value      bigint,
    explained       boolean,
    explanation     text,
    allocated_by    text,
    allocated_as    text,
    allocated_at    timestamptz,
    txid            bigint,
    first_text      text,
    last_text       text,
    keys            jsonb,
    recorded_at     timestamptz, -- of a record before: NULL is new
    details         jsonb
)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
SET TimeZone = 'UTC' -- what is hashed is the same for everybody
SET DateStyle = 'ISO, YMD'
AS $function$
#variable_conflict use_column
DECLARE
    started timestamptz;
    role    text := nullif(current_setting('role'), 'none');
BEGIN
    IF current_setting('transaction_read_only')::boolean THEN -- always on, on a standby
        RAISE EXCEPTION 'an audit cannot be recorded in a read-only transaction, nor on a standby'
            USING ERRCODE = 'read_only_sql_transaction',
                HINT = 'gapless.audit_gapless audits without a record. Record on the primary, in a transaction that may write.',
                SCHEMA = 'gapless', TABLE = 'audit_record';
    END IF;
    IF record_audit_gapless.name IS NOT NULL THEN
        PERFORM gapless.check_name(record_audit_gapless.name);
    END IF;
    LOCK TABLE gapless.audit_record IN SHARE ROW EXCLUSIVE MODE; -- trap: records follow each other
    started := clock_timestamp();
    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT f.*, gapless.finding_key(f.sequence, f.attached_column, f.kind, f.first_value, f.last_value, f.first_text, f.explained) AS key
        FROM gapless.audit_gapless(
            name => record_audit_gapless.name, pattern => record_audit_gapless.pattern, target => record_audit_gapless.target,
            target_column => record_audit_gapless.target_column, with_series => true
        ) WITH ORDINALITY AS f (
            sequence, attached_column, kind, first_value, last_value, explained, explanation, allocated_by, allocated_as, allocated_at, txid,
            first_text, last_text, keys, recorded_at, details, place
        )
    ), place AS MATERIALIZED (
        SELECT coalesce(max(r.ordinal), 0) + 1 AS ordinal, (array_agg(r.digest ORDER BY r.ordinal DESC))[1] AS digest_before
        FROM (SELECT a.ordinal, a.digest FROM gapless.audit_record AS a ORDER BY a.ordinal DESC LIMIT 1) AS r
    ), new AS (
        INSERT INTO gapless.recorded_finding AS k (key, record)
        SELECT DISTINCT f.key, p.ordinal
        FROM found AS f
        CROSS JOIN place AS p
        WHERE f.kind <> 'series'
        ON CONFLICT DO NOTHING
        RETURNING k.key
    ), result AS (
        SELECT
            count(DISTINCT f.sequence) FILTER (WHERE f.kind = 'series') AS series,
            coalesce(sum((f.details ->> 'documents')::bigint) FILTER (WHERE f.kind = 'series'), 0) AS documents,
            count(*) FILTER (WHERE f.kind NOT IN ('series', 'not read')) AS findings,
            count(*) FILTER (WHERE f.kind NOT IN ('series', 'not read') AND NOT f.explained) AS unexplained,
            count(*) FILTER (WHERE f.kind = 'not read') AS not_read,
            encode(sha256(coalesce(string_agg(f.digest, '' ORDER BY f.digest), '')), 'hex') AS digest
        FROM (
            SELECT f.sequence, f.kind, f.explained, f.details, sha256(convert_to(jsonb_build_array(
                f.sequence, f.attached_column, f.kind, f.first_value, f.last_value, f.explained, f.explanation,
                f.allocated_by, f.allocated_as, f.allocated_at, f.txid, f.first_text, f.last_text, f.keys, f.details
            )::text, 'UTF8')) AS digest
            FROM found AS f
        ) AS f
    ), entry AS (
        SELECT p.ordinal, p.digest_before, jsonb_build_object(
            'recorded_at', started, 'recorded_by', session_user, 'recorded_as', role, 'txid', txid_current(),
            'name', record_audit_gapless.name, 'pattern', record_audit_gapless.pattern,
            'table_name', (
                SELECT format('%I.%I', s.nspname, c.relname)
                FROM pg_catalog.pg_class AS c
                JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
                WHERE c.oid = record_audit_gapless.target
            ),
            'column_name', record_audit_gapless.target_column, 'note', nullif(record_audit_gapless.note, ''),
            'series', r.series, 'documents', r.documents, 'findings', r.findings, 'unexplained', r.unexplained, 'not_read', r.not_read,
            'digest', r.digest, 'new_findings', n.findings, 'new_digest', n.digest
        ) AS entry
        FROM place AS p
        CROSS JOIN result AS r
        CROSS JOIN (SELECT count(*) AS findings, encode(sha256(string_agg(uuid_send(w.key), '' ORDER BY w.key)), 'hex') AS digest FROM new AS w) AS n
    ), record AS (
        INSERT INTO gapless.audit_record (ordinal, entry, digest)
        SELECT e.ordinal, e.entry, sha256(coalesce(e.digest_before, '') || convert_to(e.entry::text, 'UTF8'))
        FROM entry AS e
        ON CONFLICT DO NOTHING -- an older snapshot raises 40001 then
    )
    SELECT
        f.sequence, f.attached_column, f.kind, f.first_value, f.last_value, f.explained, f.explanation, f.allocated_by, f.allocated_as,
        f.allocated_at, f.txid, f.first_text, f.last_text, f.keys, f.recorded_at, f.details
    FROM found AS f
    WHERE f.kind <> 'series' OR record_audit_gapless.with_series
    ORDER BY f.place;
END;
$function$;

COMMENT ON FUNCTION gapless.record_audit_gapless IS
'audit_gapless, and a record of it: who audited what, when, with which result, which findings were new, and a digest over them and over that of the record before. The view gapless.audits shows the records. Times in explanations are in UTC. Locks gapless.audit_record until the transaction ends, so that recorded audits wait for each other; nobody else does. Raises what audit_gapless raises; 25006 on a standby and in a read-only transaction; 55P03 after lock_timeout; 40001 where another audit was recorded since the snapshot.';

REVOKE ALL ON FUNCTION gapless.record_audit_gapless FROM PUBLIC;
