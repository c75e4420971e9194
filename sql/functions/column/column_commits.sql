-- It is called for each row: so what all rows need comes first, and alone.
CREATE OR REPLACE FUNCTION gapless.column_commits(
    attachment bigint,
    name       text,
    value      bigint
) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    newest record;
BEGIN
    IF NOT EXISTS (SELECT FROM gapless.waiting AS w WHERE w.txid = txid_current() AND w.attachment = column_commits.attachment AND w.numbers IS NOT NULL) THEN
        RETURN false;
    END IF;
    SELECT j.ordinal, j.first_value, j.last_value, j.txid, j.attachment INTO newest FROM gapless.journal AS j WHERE j.name = column_commits.name COLLATE "C" ORDER BY j.ordinal DESC LIMIT 1;
    IF column_commits.value BETWEEN newest.first_value AND newest.last_value AND newest.txid = txid_current() AND abs(newest.attachment) = column_commits.attachment THEN
        RETURN true;
    END IF;
    RETURN (
        SELECT column_commits.value BETWEEN j.first_value AND j.last_value AND j.txid = txid_current() AND abs(j.attachment) = column_commits.attachment
        FROM gapless.journal AS j
        WHERE j.name = column_commits.name COLLATE "C" AND j.ordinal <= newest.ordinal + (column_commits.value - newest.first_value)
        ORDER BY j.ordinal DESC
        LIMIT 1
    ) IS TRUE
    OR ( -- where a range has followed another meanwhile
        SELECT true
        FROM gapless.journal AS j
        WHERE j.name = column_commits.name COLLATE "C"
            AND (SELECT s.bounded FROM gapless.sequence_lock AS s WHERE s.name = column_commits.name COLLATE "C")
            AND j.txid = txid_current()
            AND -j.attachment = column_commits.attachment
            AND column_commits.value BETWEEN j.first_value AND j.last_value
        ORDER BY j.ordinal DESC
        LIMIT 1
    ) IS TRUE;
END;
$function$;

COMMENT ON FUNCTION gapless.column_commits IS
'Private, for the triggers of attach_gapless. Whether the transaction is writing the numbers that it was assigned at commit, and this is one of them.';

REVOKE ALL ON FUNCTION gapless.column_commits FROM PUBLIC;
