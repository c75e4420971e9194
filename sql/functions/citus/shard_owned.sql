CREATE OR REPLACE FUNCTION gapless.shard_owned(
    table_id    bigint,
    column_name name,
    names       jsonb
) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(DISTINCT n.name), '[]')
        FROM gapless.shard AS h
        JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = h.relation AND t.tgname = ('~gapless_insert_' || h.column_name)::name
        CROSS JOIN LATERAL gapless.shard_series(h.relation, h.column_name) AS n (name)
        WHERE h.table_id = shard_owned.table_id AND h.column_name = shard_owned.column_name
            AND h.placement = (SELECT max(o.placement) FROM gapless.shard AS o WHERE o.table_id = h.table_id AND o.column_name = h.column_name AND o.shard = h.shard)
            AND n.name IN (SELECT jsonb_array_elements_text(names))
    );
END;
$function$;

COMMENT ON FUNCTION gapless.shard_owned IS
'Private, for the coordinator, on a node. Which of these sequences belong to shards of a table that are attached here.';

REVOKE ALL ON FUNCTION gapless.shard_owned FROM PUBLIC;
