CREATE OR REPLACE FUNCTION gapless.shard_keyed(
    names jsonb,
    key   text -- the distribution column
) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_object_agg(v.name, v.key), '{}')
        FROM (SELECT DISTINCT ON (v.name) v.name, v.inputs ->> shard_keyed.key AS key FROM gapless.void AS v WHERE v.name IN (SELECT jsonb_array_elements_text(names) COLLATE "C") AND v.inputs ->> shard_keyed.key IS NOT NULL ORDER BY v.name) AS v
    );
END;
$function$;

COMMENT ON FUNCTION gapless.shard_keyed IS
'Private, for the coordinator, on a node. Of sequences without rows, what the distribution column had in a row that was void and deleted.';

REVOKE ALL ON FUNCTION gapless.shard_keyed FROM PUBLIC;
