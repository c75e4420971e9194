-- column_enter_row: private, for the triggers of attach_gapless; enters the number of one row that arrived into the journal.
--
-- The hot path of column_enter, which does what this cannot. Returns whether it has: only if the value is the sequence's next
-- one. Whoever calls has the lock, from column_open; should this wait for it after all, its snapshot is too old to read the newest
-- row, and the insert fails on the journal's primary key.
CREATE OR REPLACE FUNCTION gapless.column_enter_row(
    target        regclass,
    target_column name,
    name          text,
    value         bigint,
    dated         timestamp, -- for chronology; or NULL
    note          text       -- the setting gapless.note_..., which ends here; or NULL
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
BEGIN
    INSERT INTO gapless.allocation (name, ordinal, first_value, last_value, dated)
    SELECT entry.name, entry.ordinal, column_enter_row.value, column_enter_row.value, column_enter_row.dated
    FROM (
        SELECT s.name
        FROM gapless.sequence AS s
        WHERE s.name = column_enter_row.name COLLATE "C"
            AND s.target = column_enter_row.target
            AND s.target_column = column_enter_row.target_column
        FOR NO KEY UPDATE
    ) AS locked
    CROSS JOIN LATERAL (
        SELECT
            a.name,
            a.ordinal + (a.last_value - a.first_value) + 1 AS ordinal,
            gapless.successor(a.last_value, 1, NULL) AS next,
            a.dated
        FROM gapless.allocation AS a
        WHERE a.name = locked.name
        ORDER BY a.ordinal DESC
        LIMIT 1
    ) AS entry
    WHERE entry.next = column_enter_row.value AND (entry.dated > column_enter_row.dated) IS NOT TRUE;
    RETURN FOUND AND (note IS NULL OR set_config('gapless.note_' || note, '', true) = '');
END;
$function$;

COMMENT ON FUNCTION gapless.column_enter_row IS
'Private, for the triggers of attach_gapless. Enters the number of one row that arrived into the journal, if it is the sequence''s next one, and returns whether it has. Locks as column_open.';

REVOKE ALL ON FUNCTION gapless.column_enter_row FROM PUBLIC;
