CREATE OR REPLACE FUNCTION gapless.shard_has(
    nodename   text,
    nodeport   integer,
    other_name text,
    other_port integer,
    names      jsonb
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    part record;
BEGIN
    FOR part IN SELECT p.* FROM gapless.shard_pages(other_name, other_port, names) AS p LOOP
        IF gapless.on_node(nodename, nodeport, format('SELECT gapless.shard_lacks(%L, %L)', part.kind, part.page))::boolean THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_has IS
'Private, for shard_copy and shard_leave_names, on the coordinator. Whether a node has all that another one knows of some sequences: every journal row, void, decision and so on.';

REVOKE ALL ON FUNCTION gapless.shard_has FROM PUBLIC;
