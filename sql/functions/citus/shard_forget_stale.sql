-- A note of the same shard on the node where it is again, older than the one that counts, is of its last stay there.
CREATE OR REPLACE FUNCTION gapless.shard_forget_stale(
    column_name name,
    table_id    bigint,
    shard       bigint,
    nodename    text,
    nodeport    integer
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    note   record;
    newest bigint; -- placement
BEGIN
    FOR note IN
        SELECT n.*
        FROM gapless.shard_notes(shard_forget_stale.table_id, shard_forget_stale.column_name) AS n
        WHERE n.shard = shard_forget_stale.shard
        ORDER BY n.placement DESC
    LOOP
        newest := coalesce(newest, note.placement);
        IF note.placement < newest AND note.nodename = shard_forget_stale.nodename AND note.nodeport = shard_forget_stale.nodeport THEN
            PERFORM gapless.on_node(note.nodename, note.nodeport, format('SELECT gapless.shard_release(%s, %L, NULL, NULL)', note.relation, shard_forget_stale.column_name));
        END IF;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_forget_stale IS
'Private, for shard_bring, on the coordinator. Deletes what a node still knows of a shard from before it was elsewhere, as the note that is newer has it.';

REVOKE ALL ON FUNCTION gapless.shard_forget_stale FROM PUBLIC;
