CREATE OR REPLACE FUNCTION gapless.column_shard_kind(
    target regclass
) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    kind text;
BEGIN
    IF to_regclass('pg_catalog.pg_dist_partition') IS NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE $$
        SELECT CASE
            WHEN g.groupid <> 0 THEN 'worker'
            WHEN p.partmethod = 'h' THEN 'hash'
            WHEN p.partmethod <> 'n' THEN 'old'
            WHEN p.repmodel = 't' THEN 'reference'
            WHEN p.colocationid = 0 THEN 'local'
            ELSE 'one shard'
        END
        FROM pg_dist_partition AS p
        CROSS JOIN pg_dist_local_group AS g
        WHERE p.logicalrelid = $1$$
    INTO kind USING target;
    RETURN kind;
END;
$function$;

COMMENT ON FUNCTION gapless.column_shard_kind IS
'Private. How Citus keeps a table: hash, one shard, reference, local (a table of the coordinator that Citus knows), or old (append and range); worker, where the session is not on the coordinator. NULL for a table that Citus does not know, shards among them.';

REVOKE ALL ON FUNCTION gapless.column_shard_kind FROM PUBLIC;
