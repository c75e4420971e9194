CREATE OR REPLACE FUNCTION gapless.column_former_values(
    names text[],
    most  bigint DEFAULT NULL -- how many to return; NULL: all
) RETURNS TABLE (
    name   text,
    number text,
    value  bigint
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY
    SELECT j.name, u.number, j.first_value + (u.i - 1)
    FROM gapless.journal AS j
    CROSS JOIN LATERAL unnest(j.texts) WITH ORDINALITY AS u (number, i)
    WHERE j.name = ANY (names COLLATE "C")
    UNION ALL
    SELECT k.name, k.number, k.value
    FROM gapless.known_text AS k
    WHERE k.name = ANY (names COLLATE "C") AND k.value IS NOT NULL
    LIMIT most;
END;
$function$;

COMMENT ON FUNCTION gapless.column_former_values IS
'Private, for attach_gapless. The texts that series have issued, perhaps by another format, and their values.';

REVOKE ALL ON FUNCTION gapless.column_former_values FROM PUBLIC;
