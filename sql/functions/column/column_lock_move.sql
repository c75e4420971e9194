-- In the order of their names, so that two rows that change places do not wait for each other. The lock on the one that
-- the number leaves is a write, as void_gapless needs it; a sequence that is new nobody waits for.
CREATE OR REPLACE FUNCTION gapless.column_lock_move(
    origin text,
    goal   text
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while there are few sequences must stay right when there are many
AS $function$
BEGIN
    PERFORM FROM gapless.sequence_lock AS s WHERE s.name = goal COLLATE "C" AND s.name < origin COLLATE "C" FOR NO KEY UPDATE;
    PERFORM gapless.lock_sequence_by_writing(origin);
END;
$function$;

COMMENT ON FUNCTION gapless.column_lock_move IS
'Private, for the triggers of attach_gapless. Locks the sequence that a row leaves, and before it the one that it comes to, if that has the lesser name. Raises 40001.';

REVOKE ALL ON FUNCTION gapless.column_lock_move FROM PUBLIC;
