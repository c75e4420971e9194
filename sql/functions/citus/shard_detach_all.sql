CREATE OR REPLACE FUNCTION gapless.shard_detach_all(
    target      regclass,
    column_name name
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    place record;
BEGIN
    FOR place IN SELECT l.* FROM gapless.shard_list(target, column_name) AS l WHERE l.attached LOOP
        PERFORM gapless.on_node(place.nodename, place.nodeport, format('SELECT gapless.shard_detach(%L, %L)', place.shard_name, column_name));
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_detach_all IS
'Private, on the coordinator. Detaches the column of each shard, on its node. Raises 38000 for a node that cannot be reached, or where it fails.';

REVOKE ALL ON FUNCTION gapless.shard_detach_all FROM PUBLIC;
