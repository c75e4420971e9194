CREATE OR REPLACE FUNCTION gapless.model_rest(
    target regclass
) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $function$
#variable_conflict use_variable
DECLARE
    rest record;
BEGIN
    SELECT
        jsonb_build_array(
            array_agg(r."~place")::text, array_agg(given."~value")::text, array_agg(given."~number")::text
            , array_agg(r."~part")::text -- if partitioned
        )::text AS given,
        count(r."~place") AS rows,
        bool_or(r."~place" IS NULL OR gapless.model_written(r.number) IS NOT NULL) AS torn
    INTO rest
    FROM gapless.waiting AS n
    CROSS JOIN LATERAL unnest(n.keys, n.taken, n.numbers::pg_catalog.text /*number*/[]) AS given (key, "~value", "~number")
    LEFT JOIN LATERAL (
        SELECT r.*, r.ctid AS "~place", r.tableoid AS "~part" FROM gapless.model AS r WHERE r.key = given.key OFFSET 0
    ) AS r ON true
    WHERE n.txid = txid_current() AND n.attachment = 0 /*attachment*/ AND n.numbers IS NOT NULL AND r.number IS DISTINCT FROM given."~number";
    IF rest.torn THEN
        PERFORM gapless.column_refuse('torn', target, 'number', NULL, NULL);
    END IF;
    RETURN CASE WHEN rest.rows > 0 THEN rest.given ELSE '' END;
END;
$function$;

COMMENT ON FUNCTION gapless.model_rest IS
'Private, a model for attach_gapless with at_commit. What model_assign said, of the rows that have no number yet. Raises 40001 where one is gone, or has another number than it was assigned.';

REVOKE ALL ON FUNCTION gapless.model_rest FROM PUBLIC;
