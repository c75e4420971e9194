-- For functions that take rows from the journal, or whose row must not be missed: under a lock alone, a REPEATABLE
-- READ transaction would go on with the rows that its snapshot has. It comes before anything is read. It writes once a
-- transaction, since each write leaves a dead row.
CREATE OR REPLACE FUNCTION gapless.lock_sequence_by_writing(
    name text
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while there are few sequences must stay right when there are many
AS $function$
BEGIN
    PERFORM FROM gapless.sequence_lock, gapless.journal, gapless.void, gapless.known_text, gapless.decision, gapless.link, gapless.number_range LIMIT 0; -- locks them
    PERFORM gapless.check_not_rewritten();
    UPDATE gapless.sequence_lock AS s
    SET adoptions = s.adoptions
    WHERE s.name = lock_sequence_by_writing.name COLLATE "C" AND s.xmin <> pg_current_xact_id()::xid;
    RETURN FOUND OR EXISTS (
        SELECT FROM gapless.sequence_lock AS s
        WHERE s.name = lock_sequence_by_writing.name COLLATE "C" AND s.xmin = pg_current_xact_id()::xid
    );
END;
$function$;

COMMENT ON FUNCTION gapless.lock_sequence_by_writing IS
'Private. Locks a sequence until the transaction ends, by a write that changes nothing: transactions with an older snapshot get 40001, and so does one whose snapshot is older than the rewriting of a table. False if there is none.';

REVOKE ALL ON FUNCTION gapless.lock_sequence_by_writing FROM PUBLIC;
