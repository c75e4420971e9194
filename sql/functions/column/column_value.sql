-- The journal has no index by its texts. A value that the text itself tells is looked up in the rows where it stands,
-- counted from the oldest or from the newest one; other texts are looked for in all rows of the sequence.
CREATE OR REPLACE FUNCTION gapless.column_value(
    name   text,
    number text,
    value  bigint -- that the text tells, or NULL
) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    known  bigint;
    oldest record;
    newest record;
BEGIN
    SELECT k.value INTO known FROM gapless.known_text AS k WHERE k.name = column_value.name COLLATE "C" AND k.number = column_value.number COLLATE "C";
    IF FOUND THEN
        RETURN known;
    ELSIF value IS NOT NULL THEN
        SELECT j.ordinal, j.first_value, j.last_value, j.kind INTO oldest FROM gapless.journal AS j WHERE j.name = column_value.name COLLATE "C" ORDER BY j.ordinal LIMIT 1;
        SELECT j.ordinal, j.first_value
        INTO newest
        FROM gapless.journal AS j
        WHERE j.name = column_value.name COLLATE "C" AND j.last_value IS NOT NULL
        ORDER BY j.ordinal DESC
        LIMIT 1;
        IF oldest.kind = 'adopted' AND value <= oldest.last_value OR EXISTS (
            SELECT
            FROM (VALUES (oldest.ordinal::numeric + value - oldest.first_value), (newest.ordinal::numeric + value - newest.first_value)) AS p (ordinal)
            CROSS JOIN LATERAL (
                SELECT j.first_value, j.last_value, j.texts
                FROM gapless.journal AS j
                WHERE j.name = column_value.name COLLATE "C" AND j.ordinal <= least(p.ordinal, newest.ordinal)::bigint
                ORDER BY j.ordinal DESC
                LIMIT 1
            ) AS r
            WHERE CASE WHEN value BETWEEN r.first_value AND r.last_value THEN r.texts[value - r.first_value + 1] = column_value.number COLLATE "C" END
        ) THEN
            RETURN value;
        END IF;
    END IF;
    RETURN coalesce((
        SELECT j.first_value + (array_position(j.texts, column_value.number COLLATE "C") - 1)
        FROM gapless.journal AS j
        WHERE j.name = column_value.name COLLATE "C" AND column_value.number COLLATE "C" = ANY (j.texts)
        ORDER BY j.ordinal DESC
        LIMIT 1
    ), value);
END;
$function$;

COMMENT ON FUNCTION gapless.column_value IS
'Private, for the triggers of attach_gapless. The value of a text that a sequence has issued; NULL where none is known.';

REVOKE ALL ON FUNCTION gapless.column_value FROM PUBLIC;
