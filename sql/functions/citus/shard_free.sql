CREATE OR REPLACE FUNCTION gapless.shard_free(
    names jsonb
) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(s.name), '[]') FROM gapless.sequence_lock AS s WHERE s.name IN (SELECT jsonb_array_elements_text(names) COLLATE "C") AND s.target IS NULL);
END;
$function$;

COMMENT ON FUNCTION gapless.shard_free IS
'Private, for the coordinator, on a node. Which of these sequences are here, and no column''s.';

REVOKE ALL ON FUNCTION gapless.shard_free FROM PUBLIC;
