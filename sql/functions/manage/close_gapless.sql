-- The journal's newest row has no values then: so those who allocate find no next one there, and ask what it is.
CREATE OR REPLACE FUNCTION gapless.close_gapless(
    name   text,
    reason text
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    newest record;
BEGIN
    PERFORM gapless.check_name(close_gapless.name);
    PERFORM gapless.check_reason(close_gapless.name, close_gapless.reason);
    IF NOT gapless.lock_or_make_sequence(close_gapless.name, false) THEN
        PERFORM gapless.lock_sequence_by_writing(close_gapless.name);
    END IF;
    PERFORM gapless.begin_at(close_gapless.name, 1); -- raises where it is closed already
    SELECT n.last_value, n.next_ordinal
    INTO newest
    FROM gapless.last_run(close_gapless.name) AS n;
    INSERT INTO gapless.journal (name, ordinal, kind, last_value)
    VALUES (close_gapless.name, coalesce(newest.next_ordinal, 1), 'closed', NULL) -- trap: a reset begins anew after the greatest value, too
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM gapless.raise_stale(close_gapless.name);
    END IF;
    PERFORM gapless.decide(close_gapless.name, 'closed', newest.last_value, newest.last_value, close_gapless.reason);
    RETURN newest.last_value;
END;
$function$;

COMMENT ON FUNCTION gapless.close_gapless IS
'Closes a sequence, and notes why: nothing is issued in it until open_gapless. Its newest value, or NULL; a sequence that there is none of is made. Locks it until the transaction ends, and no table. Raises 55000 where it is closed already; 22004, 22023 for arguments; 55P03 after lock_timeout; 40001.';

REVOKE ALL ON FUNCTION gapless.close_gapless FROM PUBLIC;
