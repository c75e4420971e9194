CREATE OR REPLACE FUNCTION gapless.shard_pages(
    nodename text,
    nodeport integer,
    names    jsonb
) RETURNS TABLE (kind text, page jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    size  CONSTANT integer := 10000; -- rows, some MB
    after jsonb;
BEGIN
    FOREACH kind IN ARRAY '{journal,void,decision,link,known_text,former,sequence_lock,number_range}'::text[] LOOP
        after := NULL;
        LOOP
            page := gapless.on_node(nodename, nodeport, format('SELECT gapless.shard_page(%L, %L, %L, %s)', kind, names, after, size))::jsonb;
            EXIT WHEN page = '[]';
            RETURN NEXT;
            after := page -> -1;
            EXIT WHEN jsonb_array_length(page) < size;
        END LOOP;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_pages IS
'Private, for shard_copy and shard_leave_names, on the coordinator. All that a node knows of some sequences: the rows of each table of gapless, in pages. The ranges come after their sequences, which give no number without them.';

REVOKE ALL ON FUNCTION gapless.shard_pages FROM PUBLIC;
