-- Its lock is a write (lock_sequence_by_writing), before anything is read: whoever has numbered a row has committed then,
-- and older snapshots get 40001. It waits for the holder, as long as lock_timeout allows.
CREATE OR REPLACE FUNCTION gapless.go_live_gapless(
    name   text,
    reason text
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    newest record;
    lowest numeric;
    rest record;
BEGIN
    PERFORM gapless.check_name(go_live_gapless.name);
    PERFORM gapless.check_reason(go_live_gapless.name, go_live_gapless.reason);
    IF NOT gapless.lock_or_make_sequence(go_live_gapless.name, false) THEN
        PERFORM gapless.lock_sequence_by_writing(go_live_gapless.name);
    END IF;
    PERFORM gapless.check_not_live(go_live_gapless.name);
    PERFORM gapless.begin_at(go_live_gapless.name, 1); -- raises where it is closed
    SELECT n.last_value, n.next_ordinal INTO newest FROM gapless.last_run(go_live_gapless.name) AS n;
    PERFORM gapless.check_not_stale(go_live_gapless.name); -- or rows that the snapshot does not show would keep their numbers
    SELECT n.attached_column, n.finding, n.detail, n.first_value
    INTO rest
    FROM gapless.audit_numbers(ARRAY[go_live_gapless.name]) AS n
    ORDER BY n.first_value
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'sequence "%" cannot go live: %', go_live_gapless.name, format(CASE
            WHEN rest.finding IN ('failed', 'detached') THEN 'column %s cannot be read'
            ELSE 'column %s has its numbers'
        END, rest.attached_column)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                DETAIL = coalesce(rest.detail, format('The smallest is %s.', rest.first_value)),
                HINT = 'Void the test numbers with gapless.void_gapless_batch and DELETE their rows first, in the same transaction.',
                SCHEMA = 'gapless', TABLE = 'sequence_lock', CONSTRAINT = 'gapless_numbered';
    END IF;
    SELECT min(j.first_value::numeric + CASE WHEN s.name IS NULL THEN 0 ELSE 1 END) -- of a start, the number before was not issued
    INTO lowest
    FROM gapless.journal AS j
    LEFT JOIN gapless.decision AS s ON s.name = j.name AND s.kind = 'started' AND s.last_value = j.first_value
    WHERE j.name = go_live_gapless.name COLLATE "C" AND j.ordinal < newest.next_ordinal;
    IF lowest > newest.last_value THEN
        newest.last_value := NULL;
        lowest := NULL;
    END IF;
    DELETE FROM gapless.journal AS j WHERE j.name = go_live_gapless.name COLLATE "C";
    DELETE FROM gapless.known_text AS k WHERE k.name = go_live_gapless.name COLLATE "C" AND k.value IS NOT NULL;
    DELETE FROM gapless.void AS v WHERE v.name = go_live_gapless.name COLLATE "C";
    DELETE FROM gapless.former AS f WHERE f.name = go_live_gapless.name COLLATE "C";
    DELETE FROM gapless.link AS l WHERE l.name = go_live_gapless.name COLLATE "C";
    DELETE FROM gapless.decision AS d WHERE d.name = go_live_gapless.name COLLATE "C" AND d.kind <> 'range'; -- its ranges stay
    UPDATE gapless.number_range AS r SET unused = NULL WHERE r.name = go_live_gapless.name COLLATE "C" AND r.unused IS NOT NULL;
    UPDATE gapless.sequence_lock AS s
    SET adoptions = 0, initial = (SELECT a.initial FROM gapless.attachment AS a WHERE a.relation = s.target AND a.column_name = s.target_column)
    WHERE s.name = go_live_gapless.name COLLATE "C";
    PERFORM gapless.decide(go_live_gapless.name, 'live', lowest::bigint, newest.last_value, go_live_gapless.reason);
    PERFORM gapless.forget_note(go_live_gapless.name);
    RETURN newest.last_value;
END;
$function$;

COMMENT ON FUNCTION gapless.go_live_gapless IS
'Drops the test numbers of a sequence, with its journal, its voids, its chain and what was decided about it but for its ranges, marks it as live, and notes why: it begins again, with its first number. Its last test number, or NULL; a sequence that there is none of is made. Locks it until the transaction ends, and no table. Raises 55000 where it is live already, where the attached column has its numbers or cannot be read, and where it is closed; 22004, 22023 for arguments; 55P03 after lock_timeout; 40001.';

REVOKE ALL ON FUNCTION gapless.go_live_gapless FROM PUBLIC;
