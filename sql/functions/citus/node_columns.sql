CREATE OR REPLACE FUNCTION gapless.node_columns() RETURNS TABLE (
    nodename          text,
    nodeport          integer,
    table_name        text,    -- from here on as in gapless.columns
    column_name       text,
    name              text,
    initial           bigint,
    format            text,
    condition         text,
    chronology        text,
    at_commit         boolean,
    unnumbered        text,
    chain             text,
    hash_column       text,
    previous_column   text,
    partitioned       boolean,
    guarded           boolean,
    faults            text[],
    moves             boolean,
    series_of         text,
    distributed_table text,    -- whose shard the table is; NULL of others
    shard             bigint
)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT n.nodename, n.nodeport, q.table_name, q.column_name, q.name, q.initial, q.format, q.condition, q.chronology, q.at_commit, q.unnumbered, q.chain, q.hash_column, q.previous_column,
        q.partitioned, q.guarded, q.faults, q.moves, q.series_of, t.table_name, t.shard
    FROM gapless.on_nodes($$SELECT coalesce(json_agg(q), '[]') FROM gapless.columns AS q$$) AS n
    CROSS JOIN LATERAL json_to_recordset(n.result::json) AS q (
        table_name text, column_name text, name text, initial bigint, format text, condition text, chronology text, at_commit boolean, unnumbered text, chain text, hash_column text, previous_column text,
        partitioned boolean, guarded boolean, faults text[], moves boolean, series_of text
    )
    LEFT JOIN gapless.shard_tables() AS t ON t.shard_name = q.table_name
    ORDER BY coalesce(t.table_name, q.table_name) COLLATE "C", q.column_name COLLATE "C", t.shard, n.nodename, n.nodeport;
END;
$function$;

COMMENT ON FUNCTION gapless.node_columns IS
'On the coordinator of Citus: gapless.columns of all nodes, with the node, and the distributed table whose shard it is. Raises 38000 if a node cannot be reached, is not active, or has no gapless, and 55000 where there is no Citus.';

REVOKE ALL ON FUNCTION gapless.node_columns FROM PUBLIC;
