-- Before the first number of a range is entered, what lies between it and the newest number is noted as passed over: an
-- 'adopted' row of the journal, as forward_gapless writes it, and why. The caller has locked the sequence.
CREATE OR REPLACE FUNCTION gapless.range_pass(
    name        text,
    OUT value   bigint, -- the next number
    OUT ordinal bigint, -- and its
    OUT last    bigint  -- the last number of its range
) RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    newest bigint;
    place  bigint; -- the first number that is passed over and not noted yet
    before gapless.number_range;
BEGIN
    SELECT n.last_value, n.next_ordinal INTO newest, ordinal FROM gapless.newest_run(range_pass.name) AS n;
    IF ordinal IS NULL THEN
        ordinal := gapless.begin_at(range_pass.name, 1); -- raises where it is closed
    END IF;
    IF (newest = 9223372036854775807) IS NOT TRUE THEN
        place := newest + 1;
        value := gapless.column_step(range_pass.name, place, 0);
    END IF;
    IF value IS NULL THEN
        PERFORM gapless.raise_range(range_pass.name);
    ELSIF place IS NULL THEN
        SELECT r.first_value INTO place FROM gapless.number_range AS r WHERE r.name = range_pass.name COLLATE "C" ORDER BY r.first_value LIMIT 1;
    END IF;
    SELECT r.last_value INTO last FROM gapless.number_range AS r WHERE r.name = range_pass.name COLLATE "C" AND r.first_value <= value ORDER BY r.first_value DESC LIMIT 1;
    IF value = place THEN
        RETURN;
    END IF;

    FOR before IN
        SELECT r.*
        FROM gapless.number_range AS r
        WHERE r.name = range_pass.name COLLATE "C" AND r.last_value >= place AND r.first_value <= value
        ORDER BY r.first_value
    LOOP
        IF before.first_value > place THEN
            PERFORM gapless.decide(range_pass.name, 'passed', place, before.first_value - 1, format('no range has them, and range %s to %s follows: %s', before.first_value, before.last_value, before.reason));
            place := before.first_value;
        END IF;
        EXIT WHEN before.first_value = value;
        PERFORM gapless.decide(range_pass.name, 'passed', place, before.last_value, format(
            'unused, since range %s to %s was valid until %s in %s: %s', before.first_value, before.last_value, before.valid_until, before.time_zone, before.reason
        ));
        UPDATE gapless.number_range AS r
        SET unused = before.last_value - place + 1
        WHERE r.name = range_pass.name COLLATE "C" AND r.first_value = before.first_value;
        place := before.last_value + 1;
    END LOOP;
    INSERT INTO gapless.journal (name, ordinal, first_value, last_value, kind, dated)
    VALUES (range_pass.name, ordinal, value - 1, value - 1, 'adopted', gapless.column_date_floor(range_pass.name))
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM gapless.raise_stale(range_pass.name);
    END IF;
    UPDATE gapless.sequence_lock AS s SET adoptions = s.adoptions + 1 WHERE s.name = range_pass.name COLLATE "C";
    ordinal := ordinal + 1;
END;
$function$;

COMMENT ON FUNCTION gapless.range_pass IS
'Private. The next number of a sequence with ranges; what lies before it is noted as passed over. Raises 2200H or 22023 where there is none, 55000 where the sequence is closed, 40001.';

REVOKE ALL ON FUNCTION gapless.range_pass FROM PUBLIC;
