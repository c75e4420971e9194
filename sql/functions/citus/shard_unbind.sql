CREATE OR REPLACE FUNCTION gapless.shard_unbind(
    names jsonb
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    unbound bigint;
BEGIN
    PERFORM gapless.shard_wait_less();
    PERFORM gapless.lock_sequence(n.name, false) FROM jsonb_array_elements_text(names) AS n (name);
    UPDATE gapless.sequence_lock AS s
    SET target = NULL, target_column = NULL
    WHERE s.name IN (SELECT jsonb_array_elements_text(names) COLLATE "C")
        AND EXISTS (SELECT FROM gapless.shard AS h WHERE h.relation = s.target AND h.column_name = s.target_column)
        AND NOT EXISTS (SELECT FROM gapless.journal AS j WHERE j.name = s.name AND j.kind IN ('issued', 'pruned'));
    GET DIAGNOSTICS unbound = ROW_COUNT;
    RETURN unbound;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_unbind IS
'Private, for the coordinator, on a node. Takes sequences that have no number from the shards that they were said to be of. Locks them until the transaction ends. Returns how many.';

REVOKE ALL ON FUNCTION gapless.shard_unbind FROM PUBLIC;
