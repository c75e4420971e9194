CREATE OR REPLACE FUNCTION gapless.shard_unplaced() RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(s.name ORDER BY s.name), '[]')
        FROM gapless.sequence_lock AS s
        WHERE s.target IS NULL
            AND NOT EXISTS (SELECT FROM gapless.former AS f WHERE f.name = s.name)
            AND (s.bounded OR EXISTS (SELECT FROM gapless.journal AS j WHERE j.name = s.name) OR EXISTS (SELECT FROM gapless.decision AS d WHERE d.name = s.name))
            -- Where no shard is, numbers may be taken by hand.
            AND (EXISTS (SELECT FROM gapless.shard) OR NOT EXISTS (SELECT FROM gapless.journal AS j WHERE j.name = s.name AND j.kind IN ('issued', 'pruned')))
    );
END;
$function$;

COMMENT ON FUNCTION gapless.shard_unplaced IS
'Private, for the coordinator, on a node. The sequences that no column has yet, but of which something is known: a range, an adoption, a closing, or, where shards are, numbers that were taken by hand. Nobody knows of which shard they will be.';

REVOKE ALL ON FUNCTION gapless.shard_unplaced FROM PUBLIC;
