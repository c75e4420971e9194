CREATE OR REPLACE FUNCTION gapless.shard_check_placed(
    target regclass,
    nodes  jsonb, -- from which its shards were moved, as name:port
    told   jsonb  -- sequence to shard, or to null: of none
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    found_in jsonb;
    unplaced record;
    fault    text;
    hint     text;
BEGIN
    IF nodes = '[]' THEN
        RETURN;
    END IF;
    found_in := (
        SELECT coalesce(jsonb_agg(jsonb_build_object('name', s.name, 'node', format('%s:%s', n.nodename, n.nodeport))), '[]')
        FROM gapless.on_nodes('SELECT gapless.shard_unplaced()') AS n
        CROSS JOIN LATERAL jsonb_array_elements_text(n.result::jsonb) AS s (name)
        WHERE nodes @> to_jsonb(format('%s:%s', n.nodename, n.nodeport)) AND s.name NOT IN (SELECT jsonb_object_keys(told))
    );
    IF found_in = '[]' THEN
        RETURN;
    END IF;
    SELECT count(*) AS sequences, array_to_string((array_agg(format('"%s"', s.name) ORDER BY s.name))[1:20], ', ') AS names, string_agg(DISTINCT s.node, ', ') AS places
    INTO unplaced
    FROM jsonb_to_recordset(found_in) AS s (name text, node text)
    WHERE NOT EXISTS ( -- else it is of a copy that was cut off
        SELECT
        FROM gapless.on_nodes(format('SELECT gapless.shard_bound(%L)', (SELECT jsonb_agg(f -> 'name') FROM jsonb_array_elements(found_in) AS f))) AS n
        CROSS JOIN LATERAL jsonb_to_recordset(n.result::jsonb) AS b (name text, shard bigint)
        WHERE b.name = s.name AND b.shard IS NOT NULL
    );
    IF unplaced.sequences > 0 THEN
        fault := format('shards of table %s were moved, and nobody knows whether sequences of %s belong to them, which no column has, %s in all: %s', target, unplaced.places, unplaced.sequences, unplaced.names);
        hint := format('Say it: SELECT * FROM gapless.attach_shards(%L, ''{"sequence": shard, ...}''); where get_shard_id_for_distribution_column(%L, ...) tells the shard of a tenant, and null stands for none.', target, target);
        IF NOT EXISTS (SELECT FROM gapless.shard_guards() AS g WHERE g.relation = target) THEN -- attach_gapless, which nobody can tell, or shard_gather
            RAISE WARNING '%', fault USING HINT = CASE
                WHEN gapless.column_shard_kind(target) IS NULL THEN 'If they do, decide it on the coordinator before the next row, and forget it there: gapless.delete_gapless.'
                ELSE hint || ' Say it before the next row.'
            END;
            RETURN;
        END IF;
        RAISE EXCEPTION '%', fault
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = hint,
                SCHEMA = 'gapless', CONSTRAINT = 'shard_unplaced';
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_check_placed IS
'Private, for shard_origins, on the coordinator. Raises 55000 where nodes from which shards were moved have sequences that no column has, and nobody has said of which shard they are; warns of it while the table is being attached.';

REVOKE ALL ON FUNCTION gapless.shard_check_placed FROM PUBLIC;
