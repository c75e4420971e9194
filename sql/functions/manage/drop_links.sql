-- The caller has the lock.
CREATE OR REPLACE FUNCTION gapless.drop_links(
    name text
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
BEGIN
    DELETE FROM gapless.link AS l
    WHERE l.name = drop_links.name COLLATE "C"
        AND l.value > coalesce((SELECT n.last_value FROM gapless.last_run(drop_links.name) AS n)::numeric, '-Infinity');
END;
$function$;

COMMENT ON FUNCTION gapless.drop_links IS
'Private. Drops the links of a sequence above its newest number, which rows that did not arrive have left.';

REVOKE ALL ON FUNCTION gapless.drop_links FROM PUBLIC;
