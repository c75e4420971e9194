CREATE OR REPLACE FUNCTION gapless.column_end_wait(
    attachment bigint
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $function$
BEGIN
    DELETE FROM gapless.waiting AS w
    WHERE w.txid = txid_current()
        AND w.attachment = column_end_wait.attachment
        AND (w.cmin::text::bigint > ( -- what was noted after those that were assigned waits on
            SELECT max(a.cmin::text::bigint)
            FROM gapless.waiting AS a
            WHERE a.txid = w.txid AND a.attachment = w.attachment AND a.numbers IS NOT NULL
        )) IS NOT TRUE;
END;
$function$;

COMMENT ON FUNCTION gapless.column_end_wait IS
'Private, for the triggers of attach_gapless. Ends the notes of a column''s rows, which have their numbers.';

REVOKE ALL ON FUNCTION gapless.column_end_wait FROM PUBLIC;
