CREATE OR REPLACE FUNCTION gapless.shard_notes(
    table_id    bigint,
    column_name name
) RETURNS TABLE (nodename text, nodeport integer, relation bigint, shard bigint, placement bigint, series bigint, own boolean)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY
    SELECT n.nodename, n.nodeport, s.relation, s.shard, s.placement, s.series, s.own
    FROM gapless.on_nodes(format($$
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'relation', s.relation::oid::bigint, 'shard', s.shard, 'placement', s.placement, 'series', (SELECT count(*) FROM gapless.shard_series(s.relation, s.column_name)), 'own', s.table_id = %s
        )), '[]')
        FROM gapless.shard AS s
        WHERE s.column_name = %L$$, shard_notes.table_id, shard_notes.column_name)) AS n
    CROSS JOIN LATERAL jsonb_to_recordset(n.result::jsonb) AS s (relation bigint, shard bigint, placement bigint, series bigint, own boolean);
END;
$function$;

COMMENT ON FUNCTION gapless.shard_notes IS
'Private, on the coordinator. Which shards were attached on which node, with how many series that are still there, of columns of one name; own: of the table of this number. Raises 38000 for a node that cannot be reached.';

REVOKE ALL ON FUNCTION gapless.shard_notes FROM PUBLIC;
