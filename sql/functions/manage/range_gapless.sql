-- Its lock is a write (lock_sequence_by_writing). It waits for the holder, as long as lock_timeout allows. The newest
-- journal row is marked, so that column_enter_row leaves the sequence alone. It is long because what is refused comes
-- before what is written.
CREATE OR REPLACE FUNCTION gapless.range_gapless(
    name         text,
    first        bigint,
    last         bigint,
    reason       text,
    valid_until  date    DEFAULT NULL,
    time_zone    text    DEFAULT NULL,
    warn_left    bigint  DEFAULT NULL,
    warn_percent numeric DEFAULT NULL,
    warn_days    integer DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    zone    CONSTANT text := CASE WHEN valid_until IS NOT NULL THEN coalesce(time_zone, current_setting('TimeZone')) END; -- the owner's, once
    expires CONSTANT timestamptz := (valid_until + 1)::timestamp AT TIME ZONE zone;
    fault   CONSTANT text := CASE
        WHEN first > last THEN format('the first number (%s) must not be above the last (%s)', first, last)
        WHEN NOT isfinite(valid_until) OR valid_until > '9999-12-31' THEN 'the last day must be one before the year 10000'
        WHEN expires <= statement_timestamp() THEN format('its last day, %s in %s, is over', valid_until, zone)
        WHEN warn_left < 0 OR warn_days < 0 OR NOT warn_percent BETWEEN 0 AND 100 THEN 'what is to be left at the warning must not be negative, nor above 100 per cent'
        WHEN warn_days IS NOT NULL AND valid_until IS NULL THEN 'a warning some days before needs the last day'
    END;
    newest  bigint;
    former  gapless.number_range; -- with the same first number
    other   gapless.number_range; -- with some of its numbers
BEGIN
    PERFORM gapless.check_name(range_gapless.name);
    PERFORM gapless.check_reason(range_gapless.name, range_gapless.reason);
    IF first IS NULL OR last IS NULL THEN
        RAISE EXCEPTION 'sequence "%": the first and the last number of a range must not be NULL', range_gapless.name
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Say which numbers may be issued.',
                SCHEMA = 'gapless', TABLE = 'number_range', COLUMN = CASE WHEN first IS NULL THEN 'first_value' ELSE 'last_value' END;
    ELSIF fault IS NOT NULL THEN
        RAISE EXCEPTION 'sequence "%": %', range_gapless.name, 'the range cannot be given to it: ' || fault
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the range as the authority''s grant has it.',
                SCHEMA = 'gapless', TABLE = 'number_range', CONSTRAINT = 'gapless_range';
    END IF;

    IF NOT gapless.lock_or_make_sequence(range_gapless.name, false) THEN
        PERFORM gapless.lock_sequence_by_writing(range_gapless.name);
    END IF;
    PERFORM gapless.begin_at(range_gapless.name, 1); -- raises where it is closed
    PERFORM gapless.check_not_stale(range_gapless.name);
    SELECT n.last_value INTO newest FROM gapless.last_run(range_gapless.name) AS n;
    SELECT r.* INTO former FROM gapless.number_range AS r WHERE r.name = range_gapless.name COLLATE "C" AND r.first_value = first;
    SELECT r.*
    INTO other
    FROM gapless.number_range AS r
    WHERE r.name = range_gapless.name COLLATE "C" AND r.first_value <> first AND r.first_value <= last AND r.last_value >= first
    ORDER BY r.first_value
    LIMIT 1;
    IF former.unused IS NOT NULL OR former.last_value < newest THEN
        RAISE EXCEPTION 'sequence "%": range % to % is over', range_gapless.name, former.first_value, former.last_value
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'The view gapless.ranges shows what became of it. Give a range of numbers that follow.',
                SCHEMA = 'gapless', TABLE = 'number_range', CONSTRAINT = 'gapless_range_over';
    ELSIF other.name IS NOT NULL THEN
        RAISE EXCEPTION 'sequence "%": range % to % overlaps range % to %, which it has', range_gapless.name, first, last, other.first_value, other.last_value
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Begin with the same first number to change that range; or withdraw what was not issued of it, with gapless.withdraw_gapless.',
                SCHEMA = 'gapless', TABLE = 'number_range', CONSTRAINT = 'gapless_range_overlap';
    ELSIF last <= newest THEN
        RAISE EXCEPTION 'sequence "%" is at %, so range % to % has no number for it', range_gapless.name, newest, first, last
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'A sequence never goes back. Numbers that begin anew need a sequence of another name.',
                SCHEMA = 'gapless', TABLE = 'number_range', CONSTRAINT = 'gapless_range_forward';
    END IF;

    INSERT INTO gapless.number_range (name, first_value, last_value, reason, valid_until, time_zone, expires, warns, warn_left)
    VALUES (
        range_gapless.name, first, last, range_gapless.reason, range_gapless.valid_until, zone, expires,
        (range_gapless.valid_until + 1 - warn_days)::timestamp AT TIME ZONE zone,
        greatest(range_gapless.warn_left, floor((last::numeric - first + 1) * warn_percent / 100), 0)
    )
    ON CONFLICT ON CONSTRAINT number_range_pkey DO UPDATE
    SET last_value = EXCLUDED.last_value, reason = EXCLUDED.reason, valid_until = EXCLUDED.valid_until, time_zone = EXCLUDED.time_zone,
        expires = EXCLUDED.expires, warns = EXCLUDED.warns, warn_left = EXCLUDED.warn_left;
    PERFORM gapless.drop_links(range_gapless.name);
    UPDATE gapless.sequence_lock AS s SET bounded = true WHERE s.name = range_gapless.name COLLATE "C";
    UPDATE gapless.journal AS j
    SET attachment = -j.attachment
    WHERE j.name = range_gapless.name COLLATE "C"
        AND j.attachment > 0
        AND j.ordinal = (SELECT max(n.ordinal) FROM gapless.journal AS n WHERE n.name = range_gapless.name COLLATE "C" AND n.kind <> 'closed');
    PERFORM gapless.decide(
        range_gapless.name, 'range', first, last,
        range_gapless.reason || CASE WHEN valid_until IS NOT NULL THEN format(', valid until %s in %s', valid_until, zone) ELSE '' END
    );
    PERFORM gapless.forget_note(range_gapless.name);
    RETURN gapless.range_left(range_gapless.name);
END;
$function$;

COMMENT ON FUNCTION gapless.range_gapless IS
'Gives a sequence the range of numbers from first to last, until the end of a day, and notes why: from then on only numbers of its ranges are issued, in their order. Begun with the first number of a range that it has, changes that one, as long as it is not over. Returns how many numbers it may issue then. Locks the sequence until the transaction ends, and no table. Raises 22004, 22023 for arguments; 55000 for numbers that were given out or are another range''s, and where it is closed; 55P03 after lock_timeout; 40001.';

REVOKE ALL ON FUNCTION gapless.range_gapless FROM PUBLIC;
