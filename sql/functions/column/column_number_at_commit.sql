-- The UPDATE that calls this cannot skip the row any more, so no other step has to see it arrive.
CREATE OR REPLACE FUNCTION gapless.column_number_at_commit(
    target        regclass,
    target_column name,
    name          text,
    initial       bigint,
    dated         timestamp
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    value bigint;
BEGIN
    IF current_setting('transaction_isolation') = 'read committed' THEN
        PERFORM FROM gapless.sequence AS s
        WHERE s.name = column_number_at_commit.name COLLATE "C"
            AND s.target = column_number_at_commit.target
            AND s.target_column = column_number_at_commit.target_column
        FOR NO KEY UPDATE;
        IF FOUND THEN
            -- In a statement after the lock's, so that it reads what the lock's last holder wrote.
            INSERT INTO gapless.journal (name, ordinal, first_value, last_value, dated)
            SELECT column_number_at_commit.name, n.next_ordinal, n.next_value, n.next_value, column_number_at_commit.dated
            FROM gapless.newest_run(column_number_at_commit.name) AS n
            WHERE n.next_value IS NOT NULL AND (n.dated > column_number_at_commit.dated) IS NOT TRUE
            RETURNING last_value INTO value;
            IF FOUND THEN
                RETURN value;
            END IF;
        END IF;
    END IF;

    value := gapless.column_first_number(target, target_column, column_number_at_commit.name, initial, NULL, NULL);
    IF gapless.column_enter(
        target, target_column, column_number_at_commit.name, initial, NULL, value, value, 1,
        CASE WHEN column_number_at_commit.dated IS NOT NULL THEN ARRAY[column_number_at_commit.dated] END, true
    ) IS NOT NULL THEN
        PERFORM gapless.column_refuse('torn', target, target_column, column_number_at_commit.name, NULL);
    END IF;
    RETURN value;
END;
$function$;

COMMENT ON FUNCTION gapless.column_number_at_commit IS
'Private, for the triggers of attach_gapless. The next number of a column for a row that is there already, entered into the journal at once. Locks and raises as column_first_number and column_enter.';

REVOKE ALL ON FUNCTION gapless.column_number_at_commit FROM PUBLIC;
