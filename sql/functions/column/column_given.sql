-- The journal has no index by its texts, and is read only of a series whose format repeats itself.
CREATE OR REPLACE FUNCTION gapless.column_given(
    target        regclass,
    target_column name,
    name          text,
    number        text,
    repeats       boolean, -- whether the format may give a number's text twice
    whole         boolean  -- whether no two series of the column may have one text
) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the tables are small must stay right when they are large
AS $function$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM gapless.known_text AS k
        LEFT JOIN gapless.sequence_lock AS s ON s.name = k.name
        WHERE k.number = column_given.number COLLATE "C"
            AND CASE
                WHEN k.name = column_given.name COLLATE "C" THEN k.reason IS NOT NULL OR k.value IS NOT NULL
                ELSE whole AND k.reason IS NOT NULL AND (
                    s.target = column_given.target AND s.target_column = column_given.target_column
                    OR k.target = column_given.target AND k.target_column = column_given.target_column
                )
            END
    ) OR EXISTS (
        SELECT
        FROM gapless.void AS v
        LEFT JOIN gapless.sequence_lock AS s ON s.name = v.name
        WHERE v.written = column_given.number COLLATE "C"
            AND (
                v.name = column_given.name COLLATE "C"
                OR whole AND (
                    s.target = column_given.target AND s.target_column = column_given.target_column
                    OR v.target = column_given.target AND v.target_column = column_given.target_column
                )
            )
    ) OR repeats AND EXISTS (
        SELECT FROM gapless.journal AS j WHERE j.name = column_given.name COLLATE "C" AND column_given.number COLLATE "C" = ANY (j.texts)
    );
END;
$function$;

COMMENT ON FUNCTION gapless.column_given IS
'Private, for the triggers of attach_gapless. Whether a text was issued before, though perhaps no row has it any more: in its series, or void in any series of the column where no two may have one text.';

REVOKE ALL ON FUNCTION gapless.column_given FROM PUBLIC;
