-- The hot path, before column_enter_rows, which does what this cannot. The newest row has to be the same attachment's,
-- or that of a column with which it shares its series: their numbers differ in the last 16 bits alone. So the sequence is
-- the column's own. Without the lock, by a forged note, the snapshot may be too old to show the
-- newest row; the insert then fails on the journal's primary key. Runs under its caller's settings, as
-- column_first_number does, and is as careful.
CREATE OR REPLACE FUNCTION gapless.column_enter_row(
    attachment bigint,
    name       text,
    value      bigint,
    number     text,      -- as it stands in the row; NULL without a format
    dated      timestamp, -- for chronology; or NULL
    note       text       -- the setting gapless.column_note_..., which ends here; or NULL
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
AS $function$
BEGIN
    INSERT INTO gapless.journal (name, ordinal, first_value, last_value, dated, attachment, texts)
    SELECT
        column_enter_row.name, n.next_ordinal, n.next_value, n.next_value, column_enter_row.dated, column_enter_row.attachment,
        CASE WHEN number IS NOT NULL THEN ARRAY[number] END
    FROM gapless.newest_run(column_enter_row.name) AS n
    WHERE n.next_value OPERATOR(pg_catalog.=) column_enter_row.value
        AND n.attachment OPERATOR(pg_catalog.>>) 16 OPERATOR(pg_catalog.=) (column_enter_row.attachment OPERATOR(pg_catalog.>>) 16)
        AND (n.dated OPERATOR(pg_catalog.>) column_enter_row.dated) IS NOT TRUE;
    RETURN FOUND AND (note IS NULL OR pg_catalog.set_config(pg_catalog.concat('gapless.column_note_', note), '', true) OPERATOR(pg_catalog.=) ''); -- trap: the note ends with its row
END;
$function$;

COMMENT ON FUNCTION gapless.column_enter_row IS
'Private, for the triggers of attach_gapless. Enters the number of one row that arrived into the journal, if it is the next one of a sequence whose newest number the same attachment has entered, or one that shares its series, and returns whether it has. Locks nothing: column_first_number has the lock.';

REVOKE ALL ON FUNCTION gapless.column_enter_row FROM PUBLIC;
