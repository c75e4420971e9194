-- A savepoint that is rolled back gives the lock back. Without nowait it waits, as long as lock_timeout allows.
CREATE OR REPLACE FUNCTION gapless.lock_sequence(
    name   text,
    nowait boolean
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    locked boolean;
BEGIN
    IF lock_sequence.nowait THEN
        -- SKIP LOCKED and not NOWAIT, whose error names the table and not the sequence.
        PERFORM FROM gapless.sequence_lock AS s
        WHERE s.name = lock_sequence.name COLLATE "C"
        FOR NO KEY UPDATE SKIP LOCKED;
        locked := FOUND;
        IF NOT locked AND EXISTS (
            SELECT FROM gapless.sequence_lock AS s WHERE s.name = lock_sequence.name COLLATE "C"
        ) THEN
            PERFORM gapless.raise_locked(lock_sequence.name);
        END IF;
    ELSE
        PERFORM FROM gapless.sequence_lock AS s
        WHERE s.name = lock_sequence.name COLLATE "C"
        FOR NO KEY UPDATE;
        locked := FOUND;
    END IF;
    RETURN locked;
END;
$function$;

COMMENT ON FUNCTION gapless.lock_sequence IS
'Private. Locks a sequence until the transaction ends; false if it does not exist. Raises 55P03 when it is busy and nowait is set.';

REVOKE ALL ON FUNCTION gapless.lock_sequence FROM PUBLIC;
