-- Sets no search_path of its own: the expression is understood under the caller's.
CREATE OR REPLACE FUNCTION gapless.shard_named(
    relation   text,
    expression text, -- over NEW
    path       text
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
AS $function$
DECLARE
    names pg_catalog.jsonb;
BEGIN
    PERFORM gapless.shard_wait_less();
    PERFORM pg_catalog.set_config('search_path', path, true);
    EXECUTE pg_catalog.format('SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT n.name), ''[]'') FROM (SELECT (%s)::pg_catalog.text AS name FROM %s AS new) AS n WHERE n.name IS NOT NULL', expression, relation) INTO names;
    RETURN names;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_named IS
'Private, for the coordinator, on a node. The names of the series that the rows of a shard are of, by the expression name of attach_gapless. Reads all rows.';

REVOKE ALL ON FUNCTION gapless.shard_named FROM PUBLIC;
