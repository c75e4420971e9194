-- column_move: private, for the triggers of attach_gapless; follows a numbered row from one partition to another.
--
-- PostgreSQL shows triggers such an UPDATE as a DELETE and an INSERT. 'leave' notes the first, and 'issue' a row that gets
-- its number by the same UPDATE. 'arrive' is the second: false where nothing was noted, so that somebody writes a number by
-- hand. 'left' asks whether a deleted row arrived elsewhere. 'arrived' ends the matter, and says whether the inserted row's
-- number was entered before; so does 'stay', for a row that did not move. Locks nothing.
CREATE OR REPLACE FUNCTION gapless.column_move(
    step  text,
    name  text,
    value bigint
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    entered boolean;
BEGIN
    CASE step
        WHEN 'leave', 'issue' THEN
            INSERT INTO gapless.moving (txid, name, value, entered)
            VALUES (txid_current(), column_move.name, column_move.value, step = 'leave')
            ON CONFLICT ON CONSTRAINT moving_pkey DO UPDATE SET entered = excluded.entered, arrived = false;
        WHEN 'arrive' THEN
            UPDATE gapless.moving AS m
            SET arrived = true
            WHERE m.txid = txid_current()
                AND m.name = column_move.name COLLATE "C"
                AND m.value = column_move.value
                AND NOT m.arrived;
        WHEN 'left' THEN
            PERFORM FROM gapless.moving AS m
            WHERE m.txid = txid_current()
                AND m.name = column_move.name COLLATE "C"
                AND m.value = column_move.value
                AND m.arrived;
        WHEN 'arrived' THEN
            DELETE FROM gapless.moving AS m
            WHERE m.txid = txid_current()
                AND m.name = column_move.name COLLATE "C"
                AND m.value = column_move.value
                AND m.arrived
            RETURNING m.entered
            INTO entered;
            RETURN coalesce(entered, false);
        WHEN 'stay' THEN
            DELETE FROM gapless.moving AS m
            WHERE m.txid = txid_current()
                AND m.name = column_move.name COLLATE "C"
                AND m.value = column_move.value;
    END CASE;
    RETURN FOUND;
END;
$function$;

COMMENT ON FUNCTION gapless.column_move IS
'Private, for the triggers of attach_gapless. Follows a numbered row from one partition to another, so that a move is told from a row deleted or a number written by hand.';

REVOKE ALL ON FUNCTION gapless.column_move FROM PUBLIC;
