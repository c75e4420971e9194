CREATE OR REPLACE FUNCTION gapless.shard_names(
    nodename    text,
    nodeport    integer,
    relation    bigint,
    column_name name
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN gapless.on_node(nodename, nodeport, format($$SELECT coalesce(jsonb_agg(s.name), '[]') FROM gapless.shard_series(%s::oid::regclass, %L) AS s (name)$$, relation, column_name))::jsonb;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_names IS
'Private, on the coordinator. The sequences of a shard''s column on a node, also of one that was dropped or detached.';

REVOKE ALL ON FUNCTION gapless.shard_names FROM PUBLIC;
