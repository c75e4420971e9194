-- Each step may be repeated. The guard, which tells whose series they are, goes last.
CREATE OR REPLACE FUNCTION gapless.shard_gather(
    target      regclass, -- what undistribute_table has made
    column_name name,
    arguments   jsonb,
    path        text,
    table_id    bigint
) RETURNS TABLE (nodename text, nodeport integer, outcome text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    relation CONSTANT text := (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = target);
    notes    CONSTANT jsonb := (SELECT coalesce(jsonb_agg(n ORDER BY n.placement DESC), '[]') FROM gapless.shard_notes(shard_gather.table_id, shard_gather.column_name) AS n WHERE n.own);
    note     record;
    names    jsonb;
    series   jsonb := '[]'::jsonb;
    gone     bigint[] := '{}'::bigint[];
    origins  text[] := '{}'::text[];
    remaining bigint := 0::bigint;
BEGIN
    SELECT c.nodename, c.nodeport INTO shard_gather.nodename, shard_gather.nodeport FROM gapless.shard_coordinator() AS c;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = target AND t.tgname = ('~gapless_insert_' || shard_gather.column_name)::name) THEN
        FOR note IN SELECT n.* FROM jsonb_to_recordset(notes) AS n (nodename text, nodeport integer, relation bigint, series bigint) WHERE n.series > 0 LOOP
            names := gapless.shard_names(note.nodename, note.nodeport, note.relation, shard_gather.column_name);
            -- What a shard has left behind is older.
            names := (SELECT coalesce(jsonb_agg(n.name), '[]') FROM (SELECT jsonb_array_elements_text(names) EXCEPT SELECT jsonb_array_elements_text(series)) AS n (name));
            IF names = '[]' THEN
                CONTINUE;
            ELSIF (note.nodename, note.nodeport) = (shard_gather.nodename, shard_gather.nodeport) THEN
                gone := gone || note.relation;
            ELSE
                PERFORM gapless.shard_copy(note.nodename, note.nodeport, shard_gather.nodename, shard_gather.nodeport, names, relation);
                origins := origins || format('%s:%s', note.nodename, note.nodeport);
            END IF;
            series := series || names;
        END LOOP;
        PERFORM gapless.shard_check_placed(target, (SELECT coalesce(jsonb_agg(format('%s:%s', n ->> 'nodename', n ->> 'nodeport')), '[]') FROM jsonb_array_elements(notes) AS n), '{}');
        PERFORM gapless.on_node(shard_gather.nodename, shard_gather.nodeport, format('SELECT gapless.shard_attach(%L, %L, %L, %L, %s, NULL, NULL, %L, %L)', relation, shard_gather.column_name, arguments, path, table_id, series, gone));
        outcome := 'attached, as a table of the coordinator' || CASE
            WHEN series <> '[]' THEN format(', with %s series', jsonb_array_length(series)) || coalesce(' from ' || nullif((SELECT string_agg(DISTINCT o.name, ', ') FROM unnest(origins) AS o (name)), ''), ' that were here')
            ELSE ', by its rows alone'
        END;
        RETURN NEXT;
    END IF;
    FOR note IN SELECT n.* FROM jsonb_to_recordset(notes) AS n (nodename text, nodeport integer, relation bigint, series bigint) LOOP
        names := gapless.shard_names(note.nodename, note.nodeport, note.relation, shard_gather.column_name);
        remaining := remaining + coalesce(gapless.shard_leave_names(note.nodename, note.nodeport, note.relation, shard_gather.column_name, names, shard_gather.nodename, shard_gather.nodeport), jsonb_array_length(names));
    END LOOP;
    IF remaining > 0 THEN
        outcome := format('%s series of it are left elsewhere: this node does not have all that is known of them', remaining);
        RETURN NEXT;
    ELSE
        PERFORM gapless.on_node(shard_gather.nodename, shard_gather.nodeport, format('SELECT gapless.shard_unguard(%L, %L)', relation, shard_gather.column_name));
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_gather IS
'Private, for attach_shards, on the coordinator. Attaches the column of a table that is not distributed any more, with the series that its shards had, which it deletes where they were, and drops the guard. Returns what was done. Raises 38000 for a node that cannot be reached, or where it fails, and 55000.';

REVOKE ALL ON FUNCTION gapless.shard_gather FROM PUBLIC;
