-- The column's triggers are gone, and nobody writes to its table. Locks each sequence until the transaction ends.
CREATE OR REPLACE FUNCTION gapless.column_release_sequences(
    target        regclass,
    target_column name
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF gapless.attached_column(target, target_column) IS NULL THEN
        UPDATE gapless.void AS v
        SET target = column_release_sequences.target, target_column = column_release_sequences.target_column
        FROM gapless.sequence_lock AS s
        WHERE v.name = s.name AND s.target = column_release_sequences.target AND s.target_column = column_release_sequences.target_column;
        UPDATE gapless.known_text AS k
        SET target = column_release_sequences.target, target_column = column_release_sequences.target_column
        FROM gapless.sequence_lock AS s
        WHERE k.name = s.name AND k.value IS NULL AND s.target = column_release_sequences.target AND s.target_column = column_release_sequences.target_column;
        PERFORM gapless.drop_links(s.name) FROM gapless.sequence_lock AS s WHERE s.target = column_release_sequences.target AND s.target_column = column_release_sequences.target_column;
        UPDATE gapless.sequence_lock AS s
        SET target = NULL, target_column = NULL
        WHERE s.target = column_release_sequences.target AND s.target_column = column_release_sequences.target_column;
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_release_sequences IS
'Private, for detach_gapless. Gives the sequences of a column that is detached back to the callers of next_gapless.';

REVOKE ALL ON FUNCTION gapless.column_release_sequences FROM PUBLIC;
