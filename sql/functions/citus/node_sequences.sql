-- Each node answers in JSON, since a command gives one value; and by json, which is read row by row.
CREATE OR REPLACE FUNCTION gapless.node_sequences() RETURNS TABLE (
    nodename          text,
    nodeport          integer,
    name              text,    -- from here on as in gapless.sequences
    last_value        bigint,
    issued            bigint,
    last_allocated_at timestamptz,
    attached_column   text,
    closed            boolean,
    numbers_left      bigint,
    valid_until       date,
    warning           boolean,
    distributed_table text,    -- whose shard has the column; NULL of others
    shard             bigint
)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT n.nodename, n.nodeport, q.name, q.last_value, q.issued, q.last_allocated_at, q.attached_column, q.closed, q.numbers_left, q.valid_until, q.warning, t.table_name, t.shard
    FROM gapless.on_nodes($$SELECT coalesce(json_agg(q), '[]') FROM gapless.sequences AS q$$) AS n
    CROSS JOIN LATERAL json_to_recordset(n.result::json) AS q (
        name text, last_value bigint, issued bigint, last_allocated_at timestamptz, attached_column text, closed boolean, numbers_left bigint, valid_until date, warning boolean
    )
    LEFT JOIN gapless.shard_tables() AS t ON t.shard = gapless.shard_of(q.attached_column) AND starts_with(q.attached_column, t.shard_name || '.')
    ORDER BY q.name COLLATE "C", n.nodename, n.nodeport;
END;
$function$;

COMMENT ON FUNCTION gapless.node_sequences IS
'On the coordinator of Citus: gapless.sequences of all nodes, with the node, and the distributed table whose shard numbers itself from it. Each node answers by its own snapshot. Raises 38000 if a node cannot be reached, is not active, or has no gapless, and 55000 where there is no Citus.';

REVOKE ALL ON FUNCTION gapless.node_sequences FROM PUBLIC;
