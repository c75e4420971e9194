-- Its lock is the DELETE itself, before anything is read.
CREATE OR REPLACE FUNCTION gapless.delete_gapless(
    name   text    DEFAULT 'default',
    nowait boolean DEFAULT false
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    deleted  gapless.sequence_lock;
    attached text;
BEGIN
    PERFORM gapless.check_name(delete_gapless.name);
    PERFORM FROM gapless.sequence_lock, gapless.journal, gapless.void, gapless.known_text, gapless.decision, gapless.link, gapless.number_range LIMIT 0; -- locks them
    PERFORM gapless.check_not_rewritten(); -- trap: a table that was rewritten is not empty
    IF delete_gapless.nowait AND NOT gapless.lock_sequence(delete_gapless.name, true) THEN
        RETURN false;
    END IF;
    -- Written before anything is read: a holder's row is seen only by a statement after the wait, and
    -- transactions with an older snapshot get 40001. Another round is due when the holder remade it.
    -- trap: nothing is read before the lock
    LOOP
        DELETE FROM gapless.sequence_lock AS s WHERE s.name = delete_gapless.name COLLATE "C" RETURNING s.* INTO deleted;
        EXIT WHEN FOUND;
        IF NOT EXISTS (SELECT FROM gapless.sequence_lock AS s WHERE s.name = delete_gapless.name COLLATE "C") THEN
            RETURN false;
        END IF;
    END LOOP;
    attached := gapless.attached_column(deleted.target, deleted.target_column);
    IF attached IS NOT NULL THEN
        RAISE EXCEPTION 'sequence "%" cannot be deleted: column % numbers itself from it', deleted.name, attached
            USING ERRCODE = 'dependent_objects_still_exist',
                HINT = 'Detach the column first, with gapless.detach_gapless.',
                SCHEMA = 'gapless', TABLE = 'sequence_lock', CONSTRAINT = 'sequence_target';
    END IF;
    PERFORM gapless.begin_at(delete_gapless.name, 1); -- raises where it is closed
    PERFORM gapless.check_not_live(delete_gapless.name);
    -- A journal row that this snapshot cannot see would stay behind and number the next sequence of that
    -- name. It stands at the next ordinal, where this row collides with it: 40001.
    INSERT INTO gapless.journal (name, ordinal, first_value, last_value)
    SELECT delete_gapless.name, n.next_ordinal, n.last_value, n.last_value
    FROM gapless.newest_run(delete_gapless.name) AS n
    ON CONFLICT DO NOTHING; -- trap: rows that the snapshot does not show collide
    DELETE FROM gapless.journal AS j WHERE j.name = delete_gapless.name COLLATE "C"; -- trap: the journal is deleted after the lock
    DELETE FROM gapless.known_text AS k WHERE k.name = delete_gapless.name COLLATE "C";
    DELETE FROM gapless.void AS v WHERE v.name = delete_gapless.name COLLATE "C";
    DELETE FROM gapless.link AS l WHERE l.name = delete_gapless.name COLLATE "C";
    DELETE FROM gapless.decision AS d WHERE d.name = delete_gapless.name COLLATE "C";
    DELETE FROM gapless.former AS f WHERE f.name = delete_gapless.name COLLATE "C";
    DELETE FROM gapless.number_range AS r WHERE r.name = delete_gapless.name COLLATE "C";
    RETURN true;
END;
$function$;

COMMENT ON FUNCTION gapless.delete_gapless IS
'Forgets a sequence, its journal, its voids, its chain, its ranges and what was decided about it; true if it existed. The next call of next_gapless begins anew, so numbers already used come again. Locks the sequence until the transaction ends. Raises 55P03 when it is busy and nowait is set, or after lock_timeout; 2BP01 while a column numbers itself from it; 55000 while it is closed, and where it is live; 22004, 22023 for the name; 40001.';

REVOKE ALL ON FUNCTION gapless.delete_gapless FROM PUBLIC;
