CREATE OR REPLACE FUNCTION gapless.peek_gapless(
    name    text   DEFAULT 'default',
    initial bigint DEFAULT 1,
    reset   bigint DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    start bigint := coalesce(peek_gapless.initial, 1);
    last  bigint := gapless.last_gapless(peek_gapless.name);
    value bigint;
BEGIN
    PERFORM gapless.check_reset(peek_gapless.name, start, peek_gapless.reset);
    PERFORM gapless.begin_at(peek_gapless.name, start); -- raises where it is closed
    IF (SELECT s.bounded FROM gapless.sequence_lock AS s WHERE s.name = peek_gapless.name COLLATE "C") THEN
        PERFORM gapless.check_unreset(peek_gapless.name, peek_gapless.reset);
        IF last = 9223372036854775807 THEN
            PERFORM gapless.raise_range(peek_gapless.name);
        END IF;
        RETURN gapless.column_step(peek_gapless.name, last + 1, 0, true);
    END IF;
    IF last IS NULL THEN
        SELECT s.initial INTO value FROM gapless.sequence_lock AS s WHERE s.name = peek_gapless.name COLLATE "C" AND s.target IS NOT NULL;
        PERFORM gapless.check_not_rewritten();
        RETURN coalesce(value, start);
    END IF;
    value := gapless.value_after(last, start, peek_gapless.reset);
    IF value IS NULL THEN
        PERFORM gapless.raise_exhausted(peek_gapless.name, 1);
    END IF;
    RETURN value;
END;
$function$;

COMMENT ON FUNCTION gapless.peek_gapless IS
'What next_gapless would give now, in the caller''s snapshot: a preview, not a promise, since it takes no lock. Raises 22004, 22023, 2200H and 55000 as next_gapless would; 40001 as last_gapless.';

REVOKE ALL ON FUNCTION gapless.peek_gapless FROM PUBLIC;
