-- column_enter_row: private, for the triggers of attach_gapless; enters the number of one row that arrived into the journal.
--
-- The hot path of column_enter, which does what this cannot. Returns whether it has: only if the value is the sequence's next
-- one, and the newest row is the same attachment's, so that the sequence is the column's own. Locks nothing: column_open has the
-- lock. Without it, by a forged note, the snapshot may be too old to show the newest row; the insert then fails on the
-- journal's primary key.
CREATE OR REPLACE FUNCTION gapless.column_enter_row(
    attachment bigint,
    name       text,
    value      bigint,
    dated      timestamp, -- for chronology; or NULL
    note       text       -- the setting gapless.note_..., which ends here; or NULL
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
BEGIN
    INSERT INTO gapless.allocation (name, ordinal, first_value, last_value, dated, attachment)
    SELECT newest.name, newest.ordinal, column_enter_row.value, column_enter_row.value, column_enter_row.dated, newest.attachment
    FROM (
        SELECT
            a.name,
            a.ordinal + (a.last_value - a.first_value) + 1 AS ordinal,
            gapless.successor(a.last_value, 1, NULL) AS next,
            a.dated,
            a.attachment
        FROM gapless.allocation AS a
        WHERE a.name = column_enter_row.name COLLATE "C"
        ORDER BY a.ordinal DESC
        LIMIT 1
    ) AS newest
    WHERE newest.next = column_enter_row.value
        AND newest.attachment = column_enter_row.attachment
        AND (newest.dated > column_enter_row.dated) IS NOT TRUE;
    RETURN FOUND AND (note IS NULL OR set_config('gapless.note_' || note, '', true) = '');
END;
$function$;

COMMENT ON FUNCTION gapless.column_enter_row IS
'Private, for the triggers of attach_gapless. Enters the number of one row that arrived into the journal, if it is the next one of a sequence whose newest number the same attachment has entered, and returns whether it has. Locks nothing: column_open has the lock.';

REVOKE ALL ON FUNCTION gapless.column_enter_row FROM PUBLIC;
