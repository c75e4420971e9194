CREATE OR REPLACE FUNCTION gapless.column_end_wait(
    attachment bigint
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $function$
DECLARE
    newest bigint; -- of the notes that were assigned; read once, since there may be a note a row
BEGIN
    SELECT max(a.cmin::text::bigint)
    INTO newest
    FROM gapless.waiting AS a
    WHERE a.txid = txid_current() AND a.attachment = column_end_wait.attachment AND a.numbers IS NOT NULL;
    DELETE FROM gapless.waiting AS w
    WHERE w.txid = txid_current()
        AND w.attachment = column_end_wait.attachment
        AND (w.cmin::text::bigint > newest) IS NOT TRUE; -- what was noted after those waits on
    RETURN newest IS NULL OR NOT EXISTS (SELECT FROM gapless.waiting AS w WHERE w.txid = txid_current() AND w.attachment = column_end_wait.attachment);
END;
$function$;

COMMENT ON FUNCTION gapless.column_end_wait IS
'Private, for the triggers of attach_gapless. Ends the notes of a column''s rows, which have their numbers. Returns whether no other note is left.';

REVOKE ALL ON FUNCTION gapless.column_end_wait FROM PUBLIC;
