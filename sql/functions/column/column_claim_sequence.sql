-- It writes the sequence, so that older snapshots get 40001. One that has cycled is refused: a number that was there
-- twice cannot be told by its value.
CREATE OR REPLACE FUNCTION gapless.column_claim_sequence(
    target        regclass,
    target_column name,
    name          text
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
BEGIN
    PERFORM gapless.check_not_attached(column_claim_sequence.name, true);
    IF EXISTS (
        SELECT
        FROM (
            SELECT j.first_value, lag(j.last_value) OVER (ORDER BY j.ordinal) AS before
            FROM gapless.journal AS j
            WHERE j.name = column_claim_sequence.name COLLATE "C"
        ) AS neighbour
        WHERE neighbour.first_value <= neighbour.before
    ) THEN
        RAISE EXCEPTION 'sequence "%" has cycled, so column "%" of table % cannot number itself from it',
            column_claim_sequence.name, target_column, target
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Let the expression name give another name; or delete the sequence, with gapless.delete_gapless.',
                SCHEMA = 'gapless', TABLE = 'sequence_lock', CONSTRAINT = 'sequence_cycled';
    END IF;
    UPDATE gapless.sequence_lock AS s
    SET target = column_claim_sequence.target, target_column = column_claim_sequence.target_column
    WHERE s.name = column_claim_sequence.name COLLATE "C";
END;
$function$;

COMMENT ON FUNCTION gapless.column_claim_sequence IS
'Private, for the triggers of attach_gapless. Makes a sequence, which the caller has locked, a column''s own. Raises 55000 where it is another column''s or has cycled.';

REVOKE ALL ON FUNCTION gapless.column_claim_sequence FROM PUBLIC;
