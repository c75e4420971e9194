CREATE OR REPLACE FUNCTION gapless.column_enter(
    target        regclass,
    target_column name,
    initial       bigint,
    attachment    bigint,
    name          text,
    value         bigint,
    number        text,     -- as it stands in the row; NULL without a format
    dated         timestamp, -- for chronology; or NULL
    head          regclass DEFAULT NULL, -- the column whose series it shares; NULL: its own
    head_column   name     DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    newest  record;
    bounded boolean;
    next    bigint;
    floor   timestamp;
BEGIN
    SELECT s.bounded
    INTO bounded
    FROM gapless.sequence_lock AS s
    WHERE s.name = column_enter.name COLLATE "C" AND s.target = coalesce(head, column_enter.target) AND s.target_column = coalesce(head_column, column_enter.target_column)
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM gapless.column_refuse('written', target, target_column, column_enter.name, coalesce(number, value::text));
    END IF;
    IF bounded THEN
        next := (gapless.range_pass(column_enter.name)).value;
    END IF;
    SELECT n.last_value, n.dated, n.next_ordinal, n.next_value
    INTO newest
    FROM gapless.newest_run(column_enter.name) AS n;
    IF value IS DISTINCT FROM (CASE WHEN bounded THEN next WHEN newest.last_value IS NULL THEN gapless.begin_at(column_enter.name, initial) ELSE newest.next_value END) THEN
        PERFORM gapless.column_refuse('torn', target, target_column, column_enter.name, NULL);
    END IF;
    IF newest.dated > column_enter.dated THEN
        floor := gapless.column_date_floor(column_enter.name);
        IF floor > column_enter.dated THEN
            PERFORM gapless.column_refuse('chronology', target, target_column, column_enter.name, format('%s after %s', column_enter.dated, floor));
        END IF;
    END IF;
    INSERT INTO gapless.journal (name, ordinal, first_value, last_value, dated, attachment, texts)
    VALUES (
        column_enter.name,
        coalesce(newest.next_ordinal, 1),
        value,
        value,
        column_enter.dated,
        CASE WHEN bounded THEN -column_enter.attachment ELSE column_enter.attachment END,
        CASE WHEN number IS NOT NULL THEN ARRAY[number] END
    );
END;
$function$;

COMMENT ON FUNCTION gapless.column_enter IS
'Private, for the triggers of attach_gapless. Enters the number of one row into the journal, as the sequence''s next one. The caller has the lock, by column_values or column_first_number. Raises 23514 for a date before the predecessor''s, 40001 for another value than the next.';

REVOKE ALL ON FUNCTION gapless.column_enter FROM PUBLIC;
