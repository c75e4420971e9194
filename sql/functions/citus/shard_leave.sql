-- What another node has for certain, as the own of a shard that is attached there, is deleted where it was.
CREATE OR REPLACE FUNCTION gapless.shard_leave(
    target      regclass,
    column_name name,
    table_id    bigint
) RETURNS TABLE (shard bigint, nodename text, nodeport integer, outcome text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    note  record;
    names jsonb;
    owner record;
    remaining bigint;
BEGIN
    FOR note IN
        SELECT n.*
        FROM gapless.shard_notes(table_id, column_name) AS n
        WHERE n.own AND NOT EXISTS (
            SELECT FROM gapless.shard_places(target) AS p
            WHERE p.nodename = n.nodename AND p.nodeport = n.nodeport AND p.shard = n.shard AND p.placement = n.placement
        )
        ORDER BY n.placement
    LOOP
        names := gapless.shard_names(note.nodename, note.nodeport, note.relation, column_name);
        remaining := jsonb_array_length(names)::bigint;
        FOR owner IN
            SELECT n.nodename, n.nodeport, n.result::jsonb AS names
            FROM gapless.on_nodes(format('SELECT gapless.shard_owned(%s, %L, %L)', table_id, column_name, names)) AS n
            WHERE (n.nodename, n.nodeport) <> (note.nodename, note.nodeport) AND n.result <> '[]'
        LOOP
            remaining := coalesce(gapless.shard_leave_names(note.nodename, note.nodeport, note.relation, column_name, owner.names, owner.nodename, owner.nodeport), remaining);
        END LOOP;
        IF remaining = 0 THEN
            PERFORM gapless.on_node(note.nodename, note.nodeport, format($$SELECT gapless.shard_release(%s, %L, '[]', NULL)$$, note.relation, column_name));
        ELSE
            shard := note.shard;
            nodename := note.nodename;
            nodeport := note.nodeport;
            outcome := format('%s series of it are left here: no other node has all that is known of them', remaining);
            RETURN NEXT;
        END IF;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_leave IS
'Private, for attach_shards, on the coordinator. Deletes the series of shards where they were before, once they are attached elsewhere. Returns a row for each shard of which series are left. Raises 38000 for a node that cannot be reached.';

REVOKE ALL ON FUNCTION gapless.shard_leave FROM PUBLIC;
