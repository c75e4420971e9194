CREATE OR REPLACE FUNCTION gapless.column_take(
    target        regclass,
    target_column name,
    initial       bigint,
    series        text[] -- of each row
) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    names CONSTANT text[] := ARRAY(SELECT DISTINCT u.name COLLATE "C" FROM unnest(series) AS u (name) ORDER BY 1);
    taken bigint[];
    first bigint;
BEGIN
    SELECT min(gapless.column_first_number(target, target_column, n.name, initial, NULL, NULL)) INTO first FROM unnest(names) AS n (name);
    IF cardinality(names) = 1 AND first <= 9223372036854775807 - cardinality(series) THEN
        RETURN ARRAY(SELECT first + i FROM generate_series(0, cardinality(series) - 1) AS i);
    END IF;
    taken := gapless.column_values(target, target_column, initial, series);
    IF array_position(taken, NULL) IS NOT NULL THEN
        PERFORM gapless.column_refuse('exhausted', target, target_column, series[array_position(taken, NULL)], NULL);
    END IF;
    RETURN taken;
END;
$function$;

COMMENT ON FUNCTION gapless.column_take IS
'Private, for the triggers of attach_gapless. Locks the sequences of rows, in the order of their names, making those that there are none of, and returns the numbers that the rows get. Raises what column_first_number raises.';

REVOKE ALL ON FUNCTION gapless.column_take FROM PUBLIC;
