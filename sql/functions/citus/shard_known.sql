CREATE OR REPLACE FUNCTION gapless.shard_known(
    target   regclass,
    nodename text,
    nodeport integer,
    names    jsonb,
    known    jsonb -- of which shard a series is
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    unknown CONSTANT jsonb := (SELECT jsonb_agg(n.name) FROM jsonb_array_elements_text(names) AS n (name) WHERE known -> n.name IS NULL);
    key     record;
    keyed   jsonb;
BEGIN
    EXECUTE $$SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
        FROM pg_dist_partition AS p
        JOIN pg_attribute AS a ON a.attrelid = p.logicalrelid AND a.attname = column_to_column_name(p.logicalrelid, p.partkey)
        WHERE p.logicalrelid = $1 AND p.partkey IS NOT NULL$$
    INTO key USING target;
    IF unknown IS NULL OR key.name IS NULL THEN
        RETURN '{}'::jsonb;
    END IF;
    EXECUTE format($$SELECT coalesce(jsonb_object_agg(k.key, get_shard_id_for_distribution_column($1, k.value::%s)), '{}') FROM jsonb_each_text($2) AS k$$, key.type)
    INTO keyed
    USING target, gapless.on_node(nodename, nodeport, format('SELECT gapless.shard_keyed(%L, %L)', unknown, key.name))::jsonb;
    RETURN keyed;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_known IS
'Private, for shard_origins, on the coordinator. Of which shard sequences without rows are, by the distribution column of rows that are void.';

REVOKE ALL ON FUNCTION gapless.shard_known FROM PUBLIC;
