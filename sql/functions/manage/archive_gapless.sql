-- Its lock is a write (lock_sequence_by_writing), before anything is read: whoever has numbered a row has committed then.
-- It waits for the holder, as long as lock_timeout allows. It is long because what is refused comes before what is noted.
CREATE OR REPLACE FUNCTION gapless.archive_gapless(
    name   text,
    last   bigint,
    reason text
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    newest  bigint;
    wrong   record;
    present nummultirange; -- the numbers that rows have
    rows    bigint;
    unread  text; -- why a column was not
BEGIN
    PERFORM gapless.check_name(archive_gapless.name);
    PERFORM gapless.check_reason(archive_gapless.name, archive_gapless.reason);
    IF archive_gapless.last IS NULL THEN
        RAISE EXCEPTION 'sequence "%": the last number to archive must not be NULL', archive_gapless.name
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Give the last number whose row may leave.',
                SCHEMA = 'gapless', TABLE = 'sequence_lock', COLUMN = 'last';
    END IF;
    PERFORM gapless.lock_sequence_by_writing(archive_gapless.name);
    SELECT n.last_value INTO newest FROM gapless.last_run(archive_gapless.name) AS n;
    IF (archive_gapless.last <= newest) IS NOT TRUE THEN
        RAISE EXCEPTION 'sequence "%" has not issued %', archive_gapless.name, archive_gapless.last
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The view gapless.sequences shows the newest number of each.',
                SCHEMA = 'gapless', TABLE = 'sequence_lock', COLUMN = 'last';
    ELSIF (SELECT gapless.attached_column(s.target, s.target_column) FROM gapless.sequence_lock AS s WHERE s.name = archive_gapless.name COLLATE "C") IS NULL THEN
        RAISE EXCEPTION 'sequence "%" cannot be archived: no column numbers itself from it', archive_gapless.name
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Gapless knows no rows of it, and keeps none from leaving.',
                SCHEMA = 'gapless', TABLE = 'sequence_lock', CONSTRAINT = 'gapless_unattached';
    END IF;
    -- What is wrong with a row would leave with it. A hole stays. The second look may see what others have changed since the first.
    SELECT a.kind, a.first_value, a.explanation
    INTO wrong
    FROM gapless.audit_gapless(archive_gapless.name) AS a
    WHERE (NOT a.explained OR a.kind = 'not read') AND a.kind <> 'hole'
    LIMIT 1;
    SELECT range_agg(r.part), sum(upper(r.part) - lower(r.part))::bigint, min(r.unread)
    INTO present, rows, unread
    FROM (
        SELECT
            CASE WHEN n.finding IS NULL THEN numrange(n.first_value, least(n.last_value, archive_gapless.last)::numeric + 1) END AS part,
            CASE WHEN n.finding IN ('failed', 'detached') THEN n.detail END AS unread
        FROM gapless.audit_numbers(ARRAY[archive_gapless.name]) AS n
        WHERE n.finding IS NULL AND n.series = archive_gapless.name COLLATE "C" AND n.first_value <= archive_gapless.last OR n.finding IN ('failed', 'detached')
    ) AS r;
    IF wrong.kind IS NOT NULL OR unread IS NOT NULL THEN
        RAISE EXCEPTION 'sequence "%" cannot be archived: its audit finds what is not explained', archive_gapless.name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                DETAIL = coalesce(concat_ws(' ', wrong.kind, wrong.first_value) || ': ' || wrong.explanation, 'not read: ' || unread),
                HINT = 'SELECT * FROM gapless.audit_gapless(name) WHERE NOT explained shows all of it; holes are no hindrance.',
                SCHEMA = 'gapless', TABLE = 'sequence_lock', CONSTRAINT = 'gapless_unexplained';
    END IF;
    IF present IS NULL THEN
        RAISE EXCEPTION 'sequence "%" cannot be archived: no row has a number of it up to %', archive_gapless.name, archive_gapless.last
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Archive it before its rows leave.',
                SCHEMA = 'gapless', TABLE = 'sequence_lock', CONSTRAINT = 'gapless_unnumbered';
    END IF;
    PERFORM gapless.decide(archive_gapless.name, 'archived', lower(present)::bigint, archive_gapless.last, archive_gapless.reason, present);
    RETURN rows;
END;
$function$;

COMMENT ON FUNCTION gapless.archive_gapless IS
'Notes which numbers of a sequence, up to last, rows of its column have, and why these may leave: from then on they may be deleted, and their numbers are no holes. How many there are. Locks the sequence until the transaction ends, and no table. Raises 55000 where no column numbers itself from it, where the audit finds what is not explained and is no hole, and where no row has a number; 22004, 22023 for arguments; 55P03 after lock_timeout; 40001.';

REVOKE ALL ON FUNCTION gapless.archive_gapless FROM PUBLIC;
