-- PostgreSQL shows triggers such an UPDATE as a DELETE and an INSERT. Locks nothing. The steps:
--     leave      a row is deleted, perhaps to arrive elsewhere
--     issue      a row gets its number by the same UPDATE
--     take       a row's number has been entered for it
--     arrive     a numbered row is inserted; false where nothing was noted, so that somebody writes a number by hand
--     left       whether a deleted row has arrived elsewhere
--     arrived    ends the matter, and says whether the inserted row's number was entered before
--     stay       ends the matter, for a row that did not move
--     lost       at the statement's end, whether a row has not come to an end: another trigger is the cause
--     kept       the same after a DELETE, which can be a part of a statement that inserts the row later
CREATE OR REPLACE FUNCTION gapless.column_follow_move(
    step  text,
    name  text,
    number text,
    dated timestamp,
    member bigint DEFAULT 0 -- the attachment of a column that shares another one's series: a row does not move between their tables
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    entered boolean;
BEGIN
    CASE step
        WHEN 'leave', 'issue', 'take' THEN
            INSERT INTO gapless.moving (txid, member, name, number, dated, entered, depth)
            VALUES (txid_current(), column_follow_move.member, column_follow_move.name, column_follow_move.number, column_follow_move.dated, step <> 'issue', pg_trigger_depth())
            ON CONFLICT ON CONSTRAINT moving_pkey
            DO UPDATE SET dated = excluded.dated, entered = excluded.entered, arrived = false, depth = excluded.depth;
        WHEN 'arrive' THEN
            UPDATE gapless.moving AS m
            SET arrived = true, depth = pg_trigger_depth()
            WHERE m.txid = txid_current()
                AND m.member = column_follow_move.member
                AND m.name = column_follow_move.name COLLATE "C"
                AND m.number = column_follow_move.number
                AND m.dated IS NOT DISTINCT FROM column_follow_move.dated
                AND NOT m.arrived;
        WHEN 'left' THEN
            PERFORM FROM gapless.moving AS m
            WHERE m.txid = txid_current()
                AND m.member = column_follow_move.member
                AND m.name = column_follow_move.name COLLATE "C"
                AND m.number = column_follow_move.number
                AND m.arrived;
        WHEN 'arrived' THEN
            DELETE FROM gapless.moving AS m
            WHERE m.txid = txid_current()
                AND m.member = column_follow_move.member
                AND m.name = column_follow_move.name COLLATE "C"
                AND m.number = column_follow_move.number
                AND m.arrived
            RETURNING m.entered
            INTO entered;
            RETURN coalesce(entered, false);
        WHEN 'stay' THEN
            DELETE FROM gapless.moving AS m
            WHERE m.txid = txid_current()
                AND m.member = column_follow_move.member
                AND m.name = column_follow_move.name COLLATE "C"
                AND m.number = column_follow_move.number;
        WHEN 'lost', 'kept' THEN
            -- Statements around this one have rows on their way, too.
            PERFORM FROM gapless.moving AS m
            WHERE m.txid = txid_current() AND m.depth >= pg_trigger_depth() AND NOT (step = 'kept' AND m.arrived);
    END CASE;
    RETURN FOUND;
END;
$function$;

COMMENT ON FUNCTION gapless.column_follow_move IS
'Private, for the triggers of attach_gapless. Follows a numbered row from one partition to another, so that a move is told from a row deleted or a number written by hand.';

REVOKE ALL ON FUNCTION gapless.column_follow_move FROM PUBLIC;
