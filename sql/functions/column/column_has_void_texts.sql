CREATE OR REPLACE FUNCTION gapless.column_has_void_texts(
    target        regclass,
    target_column name,
    head          regclass DEFAULT NULL, -- the column whose series it shares; NULL: its own
    head_column   name     DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM (
            SELECT k.name, k.target, k.target_column FROM gapless.known_text AS k WHERE k.reason IS NOT NULL
            UNION ALL
            SELECT v.name, v.target, v.target_column FROM gapless.void AS v WHERE v.written IS NOT NULL
        ) AS t
        LEFT JOIN gapless.sequence_lock AS s ON s.name = t.name
        WHERE s.target = coalesce(head, column_has_void_texts.target) AND s.target_column = coalesce(head_column, column_has_void_texts.target_column)
            OR t.target = column_has_void_texts.target AND t.target_column = column_has_void_texts.target_column
    );
END;
$function$;

COMMENT ON FUNCTION gapless.column_has_void_texts IS
'Private, for attach_gapless. Whether a text is void of a series that is the column''s, or was.';

REVOKE ALL ON FUNCTION gapless.column_has_void_texts FROM PUBLIC;
