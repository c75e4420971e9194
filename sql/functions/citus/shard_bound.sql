CREATE OR REPLACE FUNCTION gapless.shard_bound(
    names jsonb
) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'name', s.name, 'shard', h.shard, 'column', h.column_name, 'attached', gapless.attached_column(s.target, s.target_column), 'numbered', EXISTS (SELECT FROM gapless.journal AS j WHERE j.name = s.name AND j.kind IN ('issued', 'pruned'))
        )), '[]')
        FROM gapless.sequence_lock AS s
        LEFT JOIN gapless.shard AS h ON h.relation = s.target AND h.column_name = s.target_column
        WHERE s.name IN (SELECT jsonb_array_elements_text(names) COLLATE "C")
    );
END;
$function$;

COMMENT ON FUNCTION gapless.shard_bound IS
'Private, for the coordinator, on a node. Which of these sequences are here, of which shard, and whether they have numbers.';

REVOKE ALL ON FUNCTION gapless.shard_bound FROM PUBLIC;
