-- column_open: private, for the triggers of attach_gapless; what the next row of a column will be numbered.
--
-- Locks the sequence until the transaction, or the savepoint, ends, and makes it if there is none. Writes nothing into the
-- journal: a row may still be skipped, and column_enter follows for those that arrive. Raises 55000 (the sequence is
-- another column's), 2200H, 40001, and what check_name raises.
CREATE OR REPLACE FUNCTION gapless.column_open(
    target        regclass,
    target_column name,
    name          text,
    initial       bigint,
    note          text, -- the setting gapless.note_..., which column_next will read; NULL for none
    relation      oid
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    owner  gapless.sequence;
    locked boolean;
    value  bigint;
    noted  text;
BEGIN
    -- The hot path: every expression of its own costs a transaction a microsecond or two, and every statement several.
    SELECT true
    INTO locked
    FROM gapless.sequence AS s
    WHERE s.name = column_open.name COLLATE "C"
        AND s.target = column_open.target
        AND s.target_column = column_open.target_column
    FOR NO KEY UPDATE;
    -- In a statement after the lock's, so that READ COMMITTED reads what its last holder wrote.
    SELECT
        gapless.successor(a.last_value, 1, NULL),
        CASE WHEN note IS NOT NULL THEN set_config(
            'gapless.note_' || note,
            '{' || relation::text || ',' || pg_stat_get_xact_tuples_inserted(relation)::text || ',' || gapless.successor(a.last_value, 1, NULL)::text || '}' || a.name,
            true
        ) END
    INTO value, noted
    FROM gapless.allocation AS a
    WHERE a.name = column_open.name COLLATE "C"
    ORDER BY a.ordinal DESC
    LIMIT 1;
    IF locked AND value IS NOT NULL AND current_setting('transaction_isolation') = 'read committed' THEN
        RETURN value;
    END IF;

    IF locked IS NULL THEN
        -- The column's first use of it.
        IF column_open.name IS NULL THEN
            PERFORM gapless.column_refuse('unnamed', target, target_column, NULL, NULL);
        END IF;
        PERFORM gapless.check_name(column_open.name);
        PERFORM gapless.open_sequence(column_open.name, false);
        SELECT s.* INTO STRICT owner FROM gapless.sequence AS s WHERE s.name = column_open.name COLLATE "C";
        IF (owner.target, owner.target_column) IS DISTINCT FROM (column_open.target, column_open.target_column) THEN
            PERFORM gapless.column_claim(target, target_column, column_open.name);
        END IF;
    END IF;
    SELECT a.last_value
    INTO value
    FROM gapless.allocation AS a
    WHERE a.name = column_open.name COLLATE "C"
    ORDER BY a.ordinal DESC
    LIMIT 1;
    value := CASE WHEN FOUND THEN gapless.successor(value, 1, NULL) ELSE initial END;
    IF value IS NULL THEN
        PERFORM gapless.raise_exhausted(column_open.name, 1);
    END IF;
    IF note IS NOT NULL THEN
        noted := set_config('gapless.note_' || note, '{' || relation::text || ',' || pg_stat_get_xact_tuples_inserted(relation)::text || ',' || value::text || '}' || column_open.name, true);
    END IF;

    -- A row that this snapshot cannot see (REPEATABLE READ and above) would come to light only as a double in the table.
    -- Writing the journal's next row raises 40001 for it; that row is not meant to stay.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        INSERT INTO gapless.allocation (name, ordinal, first_value, last_value)
        SELECT
            column_open.name,
            coalesce(max(a.ordinal + (a.last_value - a.first_value)), 0) + 1,
            value,
            value
        FROM (
            SELECT a.ordinal, a.first_value, a.last_value
            FROM gapless.allocation AS a
            WHERE a.name = column_open.name COLLATE "C"
            ORDER BY a.ordinal DESC
            LIMIT 1
        ) AS a
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            PERFORM gapless.raise_stale(column_open.name);
        END IF;
        DELETE FROM gapless.allocation AS a
        WHERE a.name = column_open.name COLLATE "C"
            AND a.ordinal = (
                SELECT b.ordinal
                FROM gapless.allocation AS b
                WHERE b.name = column_open.name COLLATE "C"
                ORDER BY b.ordinal DESC
                LIMIT 1
            );
    END IF;
    RETURN value;
END;
$function$;

COMMENT ON FUNCTION gapless.column_open IS
'Private, for the triggers of attach_gapless. Locks the sequence of a column until the transaction ends, making it if there is none, and returns what the next row will be numbered; column_enter then enters the rows that arrived. Raises 55000 where the sequence belongs to another column, 22004 and 22023 for its name, 2200H, 40001.';

REVOKE ALL ON FUNCTION gapless.column_open FROM PUBLIC;
