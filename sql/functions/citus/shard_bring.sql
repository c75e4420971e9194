-- Each step is a transaction of its own on its node, and may be repeated: the state is copied, the shard is attached, and
-- the state is deleted where it was.
CREATE OR REPLACE FUNCTION gapless.shard_bring(
    target      regclass,
    column_name name,
    arguments   jsonb,
    path        text,
    table_id    bigint,
    told        jsonb
) RETURNS TABLE (shard bigint, nodename text, nodeport integer, outcome text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    origins jsonb;
    place  record;
    note   record;
    series jsonb;
    gone   bigint[];
    origin text;
BEGIN
    PERFORM gapless.shard_hold(target);
    origins := (SELECT coalesce(jsonb_agg(o), '[]') FROM gapless.shard_origins(target, column_name, arguments, path, table_id, told) AS o);
    FOR place IN SELECT l.* FROM gapless.shard_list(target, column_name) AS l WHERE NOT l.attached OR l.shard IN (SELECT (o ->> 'shard')::bigint FROM jsonb_array_elements(origins) AS o) LOOP
        series := '[]';
        gone := '{}';
        origin := NULL;
        FOR note IN
            SELECT n.*, n.origin = place.nodename AND n.origin_port = place.nodeport AS here
            FROM jsonb_to_recordset(origins) AS n (shard bigint, origin text, origin_port integer, relation bigint, names jsonb)
            WHERE n.shard = place.shard AND n.names <> '[]'
        LOOP
            IF note.here THEN
                gone := gone || note.relation;
            ELSE
                PERFORM gapless.shard_forget_stale(column_name, table_id, place.shard, place.nodename, place.nodeport) WHERE note.relation IS NOT NULL;
                PERFORM gapless.shard_copy(note.origin, note.origin_port, place.nodename, place.nodeport, note.names, place.shard_name);
                origin := concat_ws(', ', origin, note.origin || ':' || note.origin_port);
            END IF;
            series := series || note.names;
        END LOOP;
        PERFORM gapless.on_node(place.nodename, place.nodeport, format(
            'SELECT gapless.shard_attach(%L, %L, %L, %L, %s, %s, %s, %L, %L)',
            place.shard_name, column_name, arguments, path, table_id, place.shard, place.placement, series, array_remove(gone, NULL)
        ));
        FOR note IN
            SELECT n.*
            FROM jsonb_to_recordset(origins) AS n (shard bigint, origin text, origin_port integer, relation bigint, names jsonb)
            WHERE n.shard = place.shard AND n.names <> '[]' AND (n.origin, n.origin_port) <> (place.nodename, place.nodeport)
        LOOP
            PERFORM gapless.shard_leave_names(note.origin, note.origin_port, note.relation, column_name, note.names, place.nodename, place.nodeport);
        END LOOP;
        shard := place.shard;
        nodename := place.nodename;
        nodeport := place.nodeport;
        outcome := 'attached' || CASE -- of a copy that was cut off, some are in two places
            WHEN series <> '[]' THEN format(', with %s series', (SELECT count(DISTINCT s.name) FROM jsonb_array_elements_text(series) AS s (name))) || coalesce(' from ' || origin, ' that were here')
            ELSE ', by its rows alone'
        END;
        RETURN NEXT;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_bring IS
'Private, for attach_gapless and attach_shards, on the coordinator. Attaches the column of each shard that is not, with the series that it had where it was before. Returns what was done, a row a shard. Raises 38000 for a node that cannot be reached, or where it fails, and 55000.';

REVOKE ALL ON FUNCTION gapless.shard_bring FROM PUBLIC;
