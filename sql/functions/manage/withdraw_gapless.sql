-- Its lock is a write (lock_sequence_by_writing). It waits for the holder, as long as lock_timeout allows.
CREATE OR REPLACE FUNCTION gapless.withdraw_gapless(
    name   text,
    first  bigint,
    reason text
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    newest bigint;
    former gapless.number_range;
BEGIN
    PERFORM gapless.check_name(withdraw_gapless.name);
    PERFORM gapless.check_reason(withdraw_gapless.name, withdraw_gapless.reason);
    PERFORM gapless.lock_sequence_by_writing(withdraw_gapless.name);
    PERFORM gapless.check_not_stale(withdraw_gapless.name);
    SELECT n.last_value INTO newest FROM gapless.last_run(withdraw_gapless.name) AS n;
    SELECT r.*
    INTO former
    FROM gapless.number_range AS r
    WHERE r.name = withdraw_gapless.name COLLATE "C" AND r.first_value = withdraw_gapless.first;
    IF former.name IS NULL OR former.unused IS NOT NULL OR former.last_value <= newest THEN
        RAISE EXCEPTION 'sequence "%" has no range from % that is not over', withdraw_gapless.name, coalesce(first::text, 'NULL')
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'The view gapless.ranges shows those that it has, and what became of them.',
                SCHEMA = 'gapless', TABLE = 'number_range', CONSTRAINT = 'gapless_range_over';
    END IF;
    PERFORM gapless.drop_links(withdraw_gapless.name);
    IF newest >= first THEN
        UPDATE gapless.number_range AS r SET last_value = newest WHERE r.name = withdraw_gapless.name COLLATE "C" AND r.first_value = withdraw_gapless.first;
    ELSE
        DELETE FROM gapless.number_range AS r WHERE r.name = withdraw_gapless.name COLLATE "C" AND r.first_value = withdraw_gapless.first;
    END IF;
    PERFORM gapless.decide(withdraw_gapless.name, 'withdrawn', greatest(newest + 1, first), former.last_value, withdraw_gapless.reason);
    RETURN least(former.last_value::numeric - greatest(newest + 1, first) + 1, 9223372036854775807)::bigint;
END;
$function$;

COMMENT ON FUNCTION gapless.withdraw_gapless IS
'Withdraws what was not issued of a sequence''s range, by its first number, and notes why: the next range follows. Returns how many of its numbers were not issued. Locks the sequence until the transaction ends, and no table. Raises 55000 where it has no such range, or it is over; 22004, 22023 for the name and the reason; 55P03 after lock_timeout; 40001.';

REVOKE ALL ON FUNCTION gapless.withdraw_gapless FROM PUBLIC;
