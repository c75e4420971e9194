CREATE OR REPLACE FUNCTION gapless.column_values(
    target        regclass,
    target_column name,
    initial       bigint,
    names         text[], -- each once
    head          regclass DEFAULT NULL, -- the column whose series it shares; NULL: its own
    head_column   name     DEFAULT NULL
) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    locked  bigint;
    bounded boolean;
BEGIN
    -- The rows' BEFORE triggers have the locks already, unless somebody wrote the numbers by hand.
    SELECT count(*), bool_or(l.bounded)
    INTO locked, bounded
    FROM (
        SELECT s.bounded
        FROM gapless.sequence_lock AS s
        WHERE s.name = ANY (names) AND s.target = coalesce(head, column_values.target) AND s.target_column = coalesce(head_column, column_values.target_column)
        ORDER BY s.name
        FOR NO KEY UPDATE
    ) AS l;
    IF locked < cardinality(names) THEN
        PERFORM gapless.column_refuse('written', target, target_column, u.name, NULL)
        FROM unnest(names) AS u (name)
        WHERE NOT EXISTS (
            SELECT FROM gapless.sequence_lock AS s WHERE s.name = u.name COLLATE "C" AND s.target = coalesce(head, column_values.target) AND s.target_column = coalesce(head_column, column_values.target_column)
        );
    END IF;
    IF bounded THEN
        PERFORM set_config('gapless.column_bounded', 'on', true);
        RETURN ARRAY(SELECT gapless.column_first_number(target, target_column, u.name, initial, NULL, NULL, head, head_column) FROM unnest(names) WITH ORDINALITY AS u (name, i) ORDER BY u.i);
    END IF;
    RETURN ARRAY(
        SELECT CASE WHEN n.last_value IS NULL THEN gapless.begin_at(u.name, column_values.initial) ELSE n.next_value END
        FROM unnest(names) WITH ORDINALITY AS u (name, i)
        LEFT JOIN LATERAL gapless.newest_run(u.name) AS n ON true
        ORDER BY u.i
    );
END;
$function$;

COMMENT ON FUNCTION gapless.column_values IS
'Private, for the triggers of attach_gapless. The next number of each sequence; NULL past 2^63-1. Locks the sequences until the transaction ends. Raises 428C9 where one is not the column''s, 55000 where it is closed.';

REVOKE ALL ON FUNCTION gapless.column_values FROM PUBLIC;
