-- Writes one journal row for each range.
CREATE OR REPLACE FUNCTION gapless.range_take(
    name  text,
    size  bigint,
    reset bigint
) RETURNS SETOF bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    remaining bigint := size;
    next      record;
    last      bigint;
BEGIN
    PERFORM gapless.check_unreset(range_take.name, range_take.reset);
    IF size > 1 AND gapless.range_left(range_take.name) < size THEN -- all or none
        PERFORM gapless.begin_at(range_take.name, 1); -- raises where it is closed
        PERFORM gapless.raise_range(range_take.name);
    END IF;
    WHILE remaining > 0 LOOP
        next := gapless.range_pass(range_take.name);
        last := least(next.last, next.value::numeric + remaining - 1)::bigint;
        INSERT INTO gapless.journal (name, ordinal, first_value, last_value)
        VALUES (range_take.name, next.ordinal, next.value, last)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            PERFORM gapless.raise_stale(range_take.name);
        END IF;
        RETURN QUERY SELECT generate_series(next.value, last);
        remaining := remaining - (last - next.value) - 1;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.range_take IS
'Private, for next_gapless_batch. The next size values of a sequence with ranges, which the caller has locked. Raises 22023 for reset; and as range_pass.';

REVOKE ALL ON FUNCTION gapless.range_take FROM PUBLIC;
