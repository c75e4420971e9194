CREATE OR REPLACE FUNCTION gapless.column_first_number_general(
    target        regclass,
    target_column name,
    name          text,
    initial       bigint,
    note          text, -- the setting gapless.column_note_..., which column_next_number will read; NULL for none
    relation      oid,
    head          regclass DEFAULT NULL, -- the column whose series it shares; NULL: its own
    head_column   name     DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    owner     gapless.sequence_lock;
    following bigint; -- the ordinal
    value     bigint;
    used      boolean;
    next      bigint;
    raw       bigint; -- the one after the newest, in its range or not
BEGIN
    IF column_first_number_general.name IS NULL THEN
        PERFORM gapless.column_refuse('unnamed', target, target_column, NULL, NULL);
    END IF;
    PERFORM gapless.check_name(column_first_number_general.name);
    PERFORM gapless.lock_or_make_sequence(column_first_number_general.name, false);
    SELECT s.* INTO STRICT owner FROM gapless.sequence_lock AS s WHERE s.name = column_first_number_general.name COLLATE "C";
    IF (owner.target, owner.target_column) IS DISTINCT FROM (coalesce(head, column_first_number_general.target), coalesce(head_column, column_first_number_general.target_column)) THEN
        PERFORM gapless.column_refuse('changed_name', target, target_column, column_first_number_general.name, NULL)
        FROM gapless.column_callees(target, target_column) AS c
        WHERE c.digest <> c.noted;
        PERFORM gapless.column_claim_sequence(coalesce(head, target), coalesce(head_column, target_column), column_first_number_general.name);
    END IF;

    SELECT n.next_ordinal, n.next_value
    INTO following, value
    FROM gapless.newest_run(column_first_number_general.name) AS n;
    used := following IS NOT NULL;
    IF NOT used THEN
        following := 1;
        value := gapless.begin_at(column_first_number_general.name, initial);
    END IF;
    IF owner.bounded THEN
        IF value IS NULL THEN
            PERFORM gapless.raise_range(column_first_number_general.name);
        END IF;
        raw := CASE WHEN used THEN value END;
        next := gapless.column_step(column_first_number_general.name, raw, 0, true);
        IF (next = raw) IS NOT TRUE THEN -- rows that did not arrive have left links
            DELETE FROM gapless.link AS l WHERE l.name = column_first_number_general.name COLLATE "C" AND (l.value < raw) IS NOT TRUE AND l.value < next;
        END IF;
        value := next;
        PERFORM set_config('gapless.column_bounded', 'on', true);
    ELSIF value IS NULL THEN
        PERFORM gapless.raise_exhausted(column_first_number_general.name, 1);
    END IF;
    IF note IS NOT NULL THEN
        PERFORM set_config(
            'gapless.column_note_' || note,
            concat(
                '{', relation, ',', pg_stat_get_xact_tuples_inserted(relation) - pg_stat_get_xact_tuples_deleted(relation), ',', value,
                CASE WHEN relation <> target::oid THEN concat(',0,', (date_part('epoch', statement_timestamp()) * 1000000::double precision)::bigint) END,
                '}', column_first_number_general.name
            ),
            true
        );
    END IF;

    -- A row that this snapshot cannot see (REPEATABLE READ and above) would come to light only as a double in the
    -- table. Writing the journal's next row raises 40001 for it; that row is not meant to stay.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN -- trap: newer numbers collide in the journal
        INSERT INTO gapless.journal (name, ordinal, first_value, last_value)
        VALUES (column_first_number_general.name, following, value, value)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            PERFORM gapless.raise_stale(column_first_number_general.name);
        END IF;
        DELETE FROM gapless.journal AS j
        WHERE j.name = column_first_number_general.name COLLATE "C" AND j.ordinal = following;
    END IF;
    RETURN value;
END;
$function$;

COMMENT ON FUNCTION gapless.column_first_number_general IS
'Private, for column_first_number, which calls it where it has no plain next number: the column''s first use of a sequence, REPEATABLE READ and above, ranges, 2^63-1. Locks the sequence, making it if there is none. Raises 55000 where the sequence belongs to another column or is closed, 22004 and 22023 for its name, 2200H past the last number or range, 22023 where that has expired, 40001.';

REVOKE ALL ON FUNCTION gapless.column_first_number_general FROM PUBLIC;
