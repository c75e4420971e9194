-- What was said last counts, until the first number.
CREATE OR REPLACE FUNCTION gapless.shard_tell(
    target regclass, -- NULL: any
    told   jsonb     -- sequence to shard, to shard and column, or to null: of none
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    said  jsonb; -- of each sequence its shard and its column, which may be NULL
    known jsonb;
    place record;
BEGIN
    IF jsonb_typeof(told) <> 'object' THEN
        RAISE EXCEPTION 'series is of type %, and has to be an object', jsonb_typeof(told)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Such as {"invoice/7": 102013}, with the number of the shard; null stands for none.', SCHEMA = 'gapless', COLUMN = 'series';
    END IF;
    said := (
        SELECT coalesce(jsonb_object_agg(e.name, CASE jsonb_typeof(e.value) WHEN 'object' THEN e.value ELSE jsonb_build_object('shard', e.value) END), '{}')
        FROM jsonb_each(told) AS e (name, value)
    );
    known := (
        SELECT coalesce(jsonb_agg(to_jsonb(b) || jsonb_build_object('nodename', n.nodename, 'nodeport', n.nodeport)), '[]')
        FROM gapless.on_nodes(format('SELECT gapless.shard_bound(%L)', (SELECT coalesce(jsonb_agg(k.name), '[]') FROM jsonb_object_keys(told) AS k (name)))) AS n
        CROSS JOIN LATERAL jsonb_to_recordset(n.result::jsonb) AS b (name text, shard bigint, "column" text, attached text, numbered boolean)
    );
    FOR place IN
        WITH guard AS MATERIALIZED (
            SELECT p.shard::text AS shard, g.guarded, count(*) OVER (PARTITION BY p.shard) AS columns
            FROM gapless.shard_guards() AS g
            CROSS JOIN LATERAL gapless.shard_places(g.relation) AS p
            WHERE shard_tell.target IS NULL OR g.relation = shard_tell.target
        )
        SELECT e.name, e.value ->> 'shard' AS shard, e.value ->> 'column' AS "column", b.name IS NOT NULL AS known, b.numbered, b.attached,
            b.shard AS bound, EXISTS (SELECT FROM gapless.shard_tables() AS t WHERE t.shard = b.shard) AND b.shard IS NOT NULL AS placed,
            (SELECT max(g.columns) FROM guard AS g WHERE g.shard = e.value ->> 'shard' AND (e.value ->> 'column' IS NULL OR g.guarded = e.value ->> 'column')) AS columns
        FROM jsonb_each(said) AS e (name, value)
        LEFT JOIN jsonb_to_recordset(known) AS b (name text, shard bigint, attached text, numbered boolean) ON b.name = e.name
    LOOP
        IF place.shard IS NOT NULL AND place.columns IS NULL THEN
            RAISE EXCEPTION 'series says that sequence "%" is of shard %, which is none of %', place.name, concat_ws(' and column ', place.shard, place.column), coalesce('table ' || target::text, 'the attached tables')
                USING ERRCODE = 'invalid_parameter_value', HINT = 'get_shard_id_for_distribution_column(''table'', tenant) tells the shard of a tenant.', SCHEMA = 'gapless', COLUMN = 'series';
        ELSIF NOT place.known THEN
            RAISE EXCEPTION 'series names sequence "%", which no node has', place.name
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Commit what was decided of it first. SELECT * FROM gapless.node_sequences(); shows those that have numbers or ranges.', SCHEMA = 'gapless', COLUMN = 'series';
        ELSIF place.bound IS NULL AND place.attached IS NOT NULL THEN
            RAISE EXCEPTION 'series names sequence "%", from which column % numbers itself', place.name, place.attached
                USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Leave it out.', SCHEMA = 'gapless', CONSTRAINT = 'shard_series';
        ELSIF place.placed AND place.numbered AND place.bound::text IS DISTINCT FROM place.shard THEN
            RAISE EXCEPTION 'series says that sequence "%" is of shard %, and it has numbers on shard %', place.name, coalesce(place.shard, 'null'), place.bound
                USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Leave it out.', SCHEMA = 'gapless', CONSTRAINT = 'shard_series';
        ELSIF NOT place.numbered AND place.columns > 1 AND place.column IS NULL THEN
            RAISE EXCEPTION 'series says of sequence "%" only its shard, and the table has several attached columns', place.name
                USING ERRCODE = 'invalid_parameter_value', HINT = format('Say which: {%s: {"shard": %s, "column": "..."}}.', to_jsonb(place.name), place.shard), SCHEMA = 'gapless', COLUMN = 'series';
        END IF;
    END LOOP;
    FOR place IN
        SELECT b.nodename, b.nodeport, jsonb_agg(b.name) AS names
        FROM jsonb_to_recordset(known) AS b (name text, shard bigint, "column" text, numbered boolean, nodename text, nodeport integer)
        WHERE NOT b.numbered AND b.shard IS NOT NULL
            AND (b.shard::text IS DISTINCT FROM said -> b.name ->> 'shard' OR b.column <> said -> b.name ->> 'column')
        GROUP BY b.nodename, b.nodeport
    LOOP
        IF gapless.on_node(place.nodename, place.nodeport, format('SELECT gapless.shard_unbind(%L)', place.names))::bigint < jsonb_array_length(place.names) THEN
            RAISE EXCEPTION 'sequences that series names got their first numbers meanwhile'
                USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SELECT * FROM gapless.node_sequences(); shows them. Leave them out.', SCHEMA = 'gapless', CONSTRAINT = 'shard_series';
        END IF;
    END LOOP;
    RETURN said;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_tell IS
'Private, for attach_shards, on the coordinator. Checks what was said of which shard sequences are, and takes those without a number from the shards that they were said to be of before. Returns what was said, with a shard and a column for each. Raises 22023 for what is no object, a sequence that no node has, a shard that is none of the table, and a column that is not said where there are several; 55000 for a sequence that has numbers on another shard.';

REVOKE ALL ON FUNCTION gapless.shard_tell FROM PUBLIC;
