-- Writes nothing into the journal, since a row may still be skipped. For speed it sets neither search_path nor
-- enable_seqscan: it runs under its caller's, which is the trigger's function with both set. Everything in it is qualified, operators and types, too, so that no schema on the path
-- can lend it code. A savepoint that is rolled back gives the lock back.
CREATE OR REPLACE FUNCTION gapless.column_first_number(
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
AS $function$
DECLARE
    locked boolean;
    value  bigint;
    noted  pg_catalog.text;
BEGIN
    -- The hot path: every expression of its own costs a transaction a microsecond or two, and every statement several.
    SELECT true
    INTO locked
    FROM gapless.sequence_lock AS s
    WHERE s.name OPERATOR(pg_catalog.=) column_first_number.name COLLATE pg_catalog."C"
        AND s.target OPERATOR(pg_catalog.=) coalesce(column_first_number.head, column_first_number.target)
        AND s.target_column OPERATOR(pg_catalog.=) coalesce(column_first_number.head_column, column_first_number.target_column) -- trap: = of names is pg_catalog's
        AND NOT s.bounded
    FOR NO KEY UPDATE;
    -- In a statement after the lock's, so that READ COMMITTED reads what its last holder wrote.
    SELECT
        n.next_value,
        CASE WHEN note IS NOT NULL THEN pg_catalog.set_config(
            pg_catalog.concat('gapless.column_note_', note),
            pg_catalog.concat(
                '{', relation, ',', pg_catalog.pg_stat_get_xact_tuples_inserted(relation) OPERATOR(pg_catalog.-) pg_catalog.pg_stat_get_xact_tuples_deleted(relation), ',', n.next_value,
                CASE WHEN relation OPERATOR(pg_catalog.<>) target::pg_catalog.oid THEN pg_catalog.concat(',0,', (pg_catalog.date_part('epoch', pg_catalog.statement_timestamp()) OPERATOR(pg_catalog.*) 1000000::double precision)::bigint) END,
                '}', column_first_number.name
            ),
            true
        ) END
    INTO value, noted
    FROM gapless.newest_run(column_first_number.name) AS n;
    IF locked AND value IS NOT NULL AND pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.=) 'read committed' THEN
        RETURN value;
    END IF;
    RETURN gapless.column_first_number_general(target, target_column, column_first_number.name, initial, note, relation, head, head_column);
END;
$function$;

COMMENT ON FUNCTION gapless.column_first_number IS
'Private, for the triggers of attach_gapless. Locks the sequence of a column until the transaction ends, and returns what the next row will be numbered; column_enter then enters the rows that arrived. Runs under the caller''s search_path, for speed. Raises what column_first_number_general raises.';

REVOKE ALL ON FUNCTION gapless.column_first_number FROM PUBLIC;
