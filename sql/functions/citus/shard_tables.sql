CREATE OR REPLACE FUNCTION gapless.shard_tables() RETURNS TABLE (
    shard      bigint,
    shard_name text, -- schema.table, as gapless.columns has it on the node
    table_name text  -- the distributed table
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- shard_name leaves some schemas out.
    RETURN QUERY EXECUTE $$SELECT s.shardid, CASE WHEN starts_with(m.name, quote_ident(n.nspname) || '.') THEN m.name ELSE quote_ident(n.nspname) || '.' || m.name END, format('%I.%I', n.nspname, c.relname)
        FROM pg_dist_shard AS s
        JOIN pg_class AS c ON c.oid = s.logicalrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL shard_name(s.logicalrelid, s.shardid) AS m (name)$$;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_tables IS
'Private, for the functions that look at all nodes of Citus. The shards of the distributed tables, wherever they are.';

REVOKE ALL ON FUNCTION gapless.shard_tables FROM PUBLIC;
