-- Other rows of the same query (an UPDATE's, a nested statement's) may come before these, or have been entered with
-- them. Then it returns the value from which on the trigger has to look into the table, and is called again. Numbers
-- that this transaction has entered already, and that are not void, pass. Locks the sequence as column_first_number
-- does.
CREATE OR REPLACE FUNCTION gapless.column_enter(
    target        regclass,
    target_column name,
    name          text,
    initial       bigint,
    attachment    bigint,      -- the column's, which column_enter_row will look for; or NULL
    first         bigint,
    last          bigint,
    size          bigint,      -- how many different values there are, first and last among them
    dates         timestamp[], -- of the rows by their numbers, for chronology; or NULL
    proven        boolean      -- the table has been looked at: between first and last there are size rows
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    newest    record;
    following bigint;
BEGIN
    IF first IS NULL THEN
        PERFORM gapless.column_refuse('unreadable', target, target_column, name, NULL);
    END IF;
    PERFORM FROM gapless.sequence AS s
    WHERE s.name = column_enter.name COLLATE "C"
        AND s.target = column_enter.target
        AND s.target_column = column_enter.target_column
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM gapless.column_refuse('written', target, target_column, name, first::text);
    END IF;
    SELECT n.last_value, n.dated, n.next_ordinal, n.next_value
    INTO newest
    FROM gapless.newest_run(column_enter.name) AS n;
    following := CASE WHEN FOUND THEN newest.next_value ELSE initial END;

    IF first < following OR following IS NULL THEN
        -- Entered already, with other rows of this query; or else they are not this transaction's to write.
        IF first <= (
                SELECT j.last_value
                FROM gapless.journal AS j
                WHERE j.name = column_enter.name COLLATE "C" AND j.txid <> txid_current()
                ORDER BY j.ordinal DESC
                LIMIT 1
            )
            OR newest.last_value IS NULL
            OR EXISTS (
                SELECT FROM gapless.void AS v
                WHERE v.name = column_enter.name COLLATE "C" AND v.value BETWEEN first AND newest.last_value
            )
        THEN
            PERFORM gapless.column_refuse('written', target, target_column, name, first::text);
        ELSIF NOT proven THEN
            RETURN first;
        ELSIF last - first + 1 <> size THEN
            RETURN following;
        ELSIF last <= newest.last_value THEN
            RETURN NULL;
        END IF;
        dates := dates[following - first + 1:size]; -- the rest is to be entered
        size := last - following + 1;
        first := following;
    END IF;
    IF first > following OR last - first + 1 <> size THEN
        RETURN following;
    END IF;

    IF dates IS NOT NULL THEN
        IF newest.dated > dates[1] OR dates <> (SELECT array_agg(d ORDER BY d) FROM unnest(dates) AS d) THEN
            PERFORM gapless.column_refuse('chronology', target, target_column, name, (
                SELECT format('%s after %s', d.dated, d.before)
                FROM (
                    SELECT u.dated, lag(u.dated, 1, newest.dated) OVER (ORDER BY u.i) AS before
                    FROM unnest(dates) WITH ORDINALITY AS u (dated, i)
                ) AS d
                WHERE d.dated < d.before
                LIMIT 1
            ));
        END IF;
    END IF;
    INSERT INTO gapless.journal (name, ordinal, first_value, last_value, dated, attachment)
    VALUES (
        column_enter.name,
        coalesce(newest.next_ordinal, 1),
        column_enter.first,
        column_enter.last,
        dates[size],
        column_enter.attachment
    );
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION gapless.column_enter IS
'Private, for the triggers of attach_gapless. Enters the numbers of rows that arrived into the journal, where column_enter_row has not, after it has verified that they are the sequence''s next ones. Returns NULL, or the first value between the journal and them whose row is still to be found. Raises 23514 for a date before the predecessor''s, 428C9 for numbers that are not the transaction''s own.';

REVOKE ALL ON FUNCTION gapless.column_enter FROM PUBLIC;
