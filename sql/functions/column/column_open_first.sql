-- column_open_first: private, for column_open; what that cannot do: the column's first number of a sequence, other isolation
-- levels than READ COMMITTED, the end of the range.
--
-- Locks the sequence, and makes it if there is none. Raises 55000 (the sequence is another column's), 2200H, 40001, and what
-- check_name raises.
CREATE OR REPLACE FUNCTION gapless.column_open_first(
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
    owner     gapless.sequence;
    following bigint; -- the ordinal
    value     bigint;
BEGIN
    IF column_open_first.name IS NULL THEN
        PERFORM gapless.column_refuse('unnamed', target, target_column, NULL, NULL);
    END IF;
    PERFORM gapless.check_name(column_open_first.name);
    PERFORM gapless.open_sequence(column_open_first.name, false);
    SELECT s.* INTO STRICT owner FROM gapless.sequence AS s WHERE s.name = column_open_first.name COLLATE "C";
    IF (owner.target, owner.target_column) IS DISTINCT FROM (column_open_first.target, column_open_first.target_column) THEN
        PERFORM gapless.column_claim(target, target_column, column_open_first.name);
    END IF;

    SELECT n.next_ordinal, n.next_value
    INTO following, value
    FROM gapless.newest_run(column_open_first.name) AS n;
    IF NOT FOUND THEN
        following := 1;
        value := initial;
    END IF;
    IF value IS NULL THEN
        PERFORM gapless.raise_exhausted(column_open_first.name, 1);
    END IF;
    IF note IS NOT NULL THEN
        PERFORM set_config(
            'gapless.note_' || note,
            concat('{', relation, ',', pg_stat_get_xact_tuples_inserted(relation), ',', value, '}', column_open_first.name),
            true
        );
    END IF;

    -- A row that this snapshot cannot see (REPEATABLE READ and above) would come to light only as a double in the table.
    -- Writing the journal's next row raises 40001 for it; that row is not meant to stay.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        INSERT INTO gapless.allocation (name, ordinal, first_value, last_value)
        VALUES (column_open_first.name, following, value, value)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            PERFORM gapless.raise_stale(column_open_first.name);
        END IF;
        DELETE FROM gapless.allocation AS a
        WHERE a.name = column_open_first.name COLLATE "C" AND a.ordinal = following;
    END IF;
    RETURN value;
END;
$function$;

COMMENT ON FUNCTION gapless.column_open_first IS
'Private, for column_open, which calls it where it has no plain next number: the column''s first use of a sequence, REPEATABLE READ and above, the end of the range. Locks the sequence, making it if there is none. Raises 55000 where the sequence belongs to another column, 22004 and 22023 for its name, 2200H, 40001.';

REVOKE ALL ON FUNCTION gapless.column_open_first FROM PUBLIC;
