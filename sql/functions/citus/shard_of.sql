CREATE OR REPLACE FUNCTION gapless.shard_of(
    attached_column text -- schema.table.column, quoted where they have to be
) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT substring(attached_column FROM '_([0-9]{1,18})"?[.](?:"(?:[^"]|"")*"|[^."]+)$')::bigint
$function$;

COMMENT ON FUNCTION gapless.shard_of IS
'Private, for the functions that look at all nodes of Citus. The number of the shard, at the end of the table''s name; NULL where there is none.';

REVOKE ALL ON FUNCTION gapless.shard_of FROM PUBLIC;
