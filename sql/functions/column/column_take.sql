CREATE OR REPLACE FUNCTION gapless.column_take(
    target        regclass,
    target_column name,
    initial       bigint,
    series        text[], -- of each row
    head          regclass DEFAULT NULL, -- the column whose series it shares; NULL: its own
    head_column   name     DEFAULT NULL
) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    names  CONSTANT text[] := ARRAY(SELECT DISTINCT u.name COLLATE "C" FROM unnest(series) AS u (name) ORDER BY 1);
    firsts bigint[];
    taken  bigint[];
BEGIN
    IF cardinality(names) > 1 AND current_setting('transaction_isolation') = 'read committed' AND cardinality(names) = (
        SELECT count(*)
        FROM gapless.sequence_lock AS s
        WHERE s.name = ANY (names) AND s.target = coalesce(head, column_take.target) AND s.target_column = coalesce(head_column, column_take.target_column)
    ) THEN
        firsts := gapless.column_values(target, target_column, initial, names, head, head_column);
    ELSE
        firsts := ARRAY(SELECT gapless.column_first_number(target, target_column, n.name, initial, NULL, NULL, head, head_column) FROM unnest(names) AS n (name));
    END IF;
    taken := gapless.column_spread(series, names, firsts);
    IF array_position(taken, NULL) IS NOT NULL THEN
        PERFORM gapless.column_refuse('exhausted', target, target_column, series[array_position(taken, NULL)], NULL);
    END IF;
    RETURN taken;
END;
$function$;

COMMENT ON FUNCTION gapless.column_take IS
'Private, for the triggers of attach_gapless. Locks the sequences of rows, in the order of their names, making those that there are none of, and returns the numbers that the rows get. Raises what column_first_number raises.';

REVOKE ALL ON FUNCTION gapless.column_take FROM PUBLIC;
