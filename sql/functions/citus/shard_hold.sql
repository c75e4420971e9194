-- A split that was waited for has made other shards.
CREATE OR REPLACE FUNCTION gapless.shard_hold(
    target regclass
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    share  CONSTANT integer := 5; -- ShareLock
    shards bigint[];
    held   bigint[];
BEGIN
    LOOP
        EXECUTE 'SELECT array_agg(s.shardid ORDER BY s.shardid) FROM pg_dist_shard AS s WHERE s.logicalrelid = $1' INTO shards USING target;
        EXIT WHEN shards IS NOT DISTINCT FROM held;
        EXECUTE 'SELECT lock_shard_metadata($1, $2)' USING share, shards;
        held := shards;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_hold IS
'Private, for shard_bring, on the coordinator. Waits until no shard of a table is being moved or split, and has those that begin later wait until the transaction ends. Writers go on, but not behind a move that waits.';

REVOKE ALL ON FUNCTION gapless.shard_hold FROM PUBLIC;
