CREATE OR REPLACE FUNCTION gapless.shard_series(
    relation    regclass,
    column_name name
) RETURNS SETOF text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY
    SELECT s.name::text FROM gapless.sequence_lock AS s WHERE s.target = shard_series.relation AND s.target_column = shard_series.column_name
    UNION
    SELECT f.name FROM gapless.former AS f WHERE f.target = shard_series.relation AND f.target_column = shard_series.column_name;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_series IS
'Private, for the coordinator, on a node. The sequences of a shard''s column, also of one that was dropped or detached.';

REVOKE ALL ON FUNCTION gapless.shard_series FROM PUBLIC;
