-- A row of the journal that the snapshot does not show (REPEATABLE READ and above) collides with the one that is next by
-- it. That row is not meant to stay. The caller has locked the sequence.
CREATE OR REPLACE FUNCTION gapless.check_not_stale(
    name text
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    next bigint;
BEGIN
    IF current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') THEN
        RETURN;
    END IF;
    SELECT coalesce(max(j.ordinal + coalesce(j.last_value - j.first_value, 0)), 0) + 1 -- one that is closed has a row without values
    INTO next
    FROM (
        SELECT n.ordinal, n.first_value, n.last_value
        FROM gapless.journal AS n
        WHERE n.name = check_not_stale.name COLLATE "C"
        ORDER BY n.ordinal DESC
        LIMIT 1
    ) AS j;
    INSERT INTO gapless.journal (name, ordinal, first_value, last_value)
    VALUES (check_not_stale.name, next, 0, 0)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM gapless.raise_stale(check_not_stale.name);
    END IF;
    DELETE FROM gapless.journal AS j WHERE j.name = check_not_stale.name COLLATE "C" AND j.ordinal = next;
END;
$function$;

COMMENT ON FUNCTION gapless.check_not_stale IS
'Private. Raises 40001 where numbers of a sequence were given out since the transaction''s snapshot.';

REVOKE ALL ON FUNCTION gapless.check_not_stale FROM PUBLIC;
