-- A shard that was moved is known by its number; the number of a placement only grows, so the newest note is the one that
-- counts. One that was split off, or of a table that was made anew, has another number. Its series are those that its rows
-- are of; where a series has none, the distribution column of a row that is void, or the caller, tells.
CREATE OR REPLACE FUNCTION gapless.shard_origins(
    target      regclass,
    column_name name,
    arguments   jsonb,
    path        text,
    table_id    bigint,
    told        jsonb -- sequence to shard, or NULL
) RETURNS TABLE (shard bigint, origin text, origin_port integer, relation bigint, names jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    place  record;
    note   record;
    found_in CONSTANT jsonb := (SELECT coalesce(jsonb_agg(n), '[]') FROM gapless.shard_notes(shard_origins.table_id, shard_origins.column_name) AS n);
    known  jsonb := coalesce(jsonb_strip_nulls(told), '{}'::jsonb); -- of which shard a series is
    rest   jsonb := coalesce((SELECT jsonb_agg(k.name) FROM jsonb_object_keys(jsonb_strip_nulls(told)) AS k (name)), '[]'::jsonb); -- what no note had
    named  jsonb; -- by the rows of a shard
    noted  jsonb := '[]'::jsonb; -- by a note
    anew   boolean := told IS NOT NULL;
    came   jsonb := '[]'::jsonb; -- the nodes of the shards that are not attached, as they are said
    went   jsonb := '[]'::jsonb; -- the nodes where they were
    answer record;
    lost   text;
BEGIN
    FOR place IN SELECT l.* FROM gapless.shard_list(target, shard_origins.column_name) AS l WHERE NOT l.attached LOOP
        SELECT n.* INTO note
        FROM jsonb_to_recordset(found_in) AS n (nodename text, nodeport integer, relation bigint, shard bigint, placement bigint, series bigint, own boolean)
        WHERE n.shard = place.shard
        ORDER BY n.placement DESC
        LIMIT 1;
        IF FOUND THEN
            went := went || CASE WHEN (note.nodename, note.nodeport) <> (place.nodename, place.nodeport) THEN jsonb_build_array(concat_ws(':', note.nodename, note.nodeport)) ELSE '[]' END;
            RETURN QUERY SELECT place.shard, note.nodename, note.nodeport, note.relation, gapless.shard_names(note.nodename, note.nodeport, note.relation, shard_origins.column_name);
            CONTINUE;
        END IF;
        anew := true;
        came := came || to_jsonb(concat_ws(':', place.nodename, place.nodeport));
        named := gapless.on_node(place.nodename, place.nodeport, format('SELECT gapless.shard_named(%L, %L, %L)', place.shard_name, arguments ->> 'name', path))::jsonb;
        SELECT n.name, known ->> n.name AS shard INTO answer FROM jsonb_array_elements_text(named) AS n (name) WHERE (known ->> n.name)::bigint <> place.shard LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'sequence "%" is of shards % and %', answer.name, answer.shard, place.shard
                USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Let the expression name give each value of the distribution column a name of its own.',
                    SCHEMA = 'gapless', CONSTRAINT = 'shard_series';
        END IF;
        -- By the set: a jsonb is copied as a whole for each name that is added to it.
        known := known || (SELECT coalesce(jsonb_object_agg(n.name, place.shard), '{}') FROM jsonb_array_elements_text(named) AS n (name));
        rest := rest || named;
    END LOOP;
    went := went || (
        SELECT coalesce(jsonb_agg(concat_ws(':', n.nodename, n.nodeport)), '[]')
        FROM jsonb_to_recordset(found_in) AS n (nodename text, nodeport integer, relation bigint, shard bigint, placement bigint, series bigint, own boolean)
        WHERE n.own AND NOT EXISTS (SELECT FROM gapless.shard_tables() AS t WHERE t.shard = n.shard) AND NOT came <@ jsonb_build_array(concat_ws(':', n.nodename, n.nodeport))
    );
    PERFORM gapless.shard_check_placed(target, went, told);
    IF NOT anew THEN
        RETURN;
    END IF;
    FOR note IN
        SELECT n.*, gapless.shard_names(n.nodename, n.nodeport, n.relation, shard_origins.column_name) AS names
        FROM jsonb_to_recordset(found_in) AS n (nodename text, nodeport integer, relation bigint, shard bigint, placement bigint, series bigint, own boolean)
        WHERE n.series > 0 AND NOT EXISTS (SELECT FROM gapless.shard_tables() AS t WHERE t.shard = n.shard)
    LOOP
        IF note.own THEN -- another table's voids say nothing of this one's shards
            known := gapless.shard_known(target, note.nodename, note.nodeport, note.names, known) || known;
        END IF;
        SELECT string_agg(format('"%s"', m.name), ', ') INTO lost FROM (SELECT n.name FROM jsonb_array_elements_text(note.names) AS n (name) WHERE known -> n.name IS NULL LIMIT 20) AS m;
        IF note.own AND lost IS NOT NULL THEN
            RAISE EXCEPTION 'shard % was split, and nobody knows of which part these sequences are, since they have no rows: %', note.shard, lost
                USING ERRCODE = 'object_not_in_prerequisite_state',
                    HINT = format('Say it: SELECT * FROM gapless.attach_shards(%L, ''{"sequence": shard, ...}''); where get_shard_id_for_distribution_column(%L, ...) tells the shard of a tenant.', target, target),
                    SCHEMA = 'gapless', CONSTRAINT = 'shard_rowless';
        END IF;
        FOR answer IN SELECT (known ->> n.name)::bigint AS shard, jsonb_agg(n.name) AS names FROM jsonb_array_elements_text(note.names) AS n (name) WHERE known -> n.name IS NOT NULL GROUP BY 1 LOOP
            noted := noted || answer.names;
            RETURN QUERY SELECT answer.shard, note.nodename, note.nodeport, note.relation, answer.names;
        END LOOP;
    END LOOP;
    rest := (SELECT coalesce(jsonb_agg(r.name), '[]') FROM (SELECT jsonb_array_elements_text(rest) EXCEPT SELECT jsonb_array_elements_text(noted)) AS r (name));
    FOR answer IN
        SELECT (known ->> f.name)::bigint AS shard, n.nodename, n.nodeport, jsonb_agg(f.name) AS names
        FROM gapless.on_nodes(format('SELECT gapless.shard_free(%L)', rest)) AS n
        CROSS JOIN LATERAL jsonb_array_elements_text(n.result::jsonb) AS f (name)
        GROUP BY 1, 2, 3
    LOOP
        RETURN QUERY SELECT answer.shard, answer.nodename, answer.nodeport, NULL::bigint, answer.names;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_origins IS
'Private, for shard_bring, on the coordinator. Which sequences a shard that is not attached had, and on which node, as which table, they are; NULL: they are no column''s there. Raises 55000 for a sequence of a split shard that has no rows and that nobody tells, for one that two shards have, and as shard_check_placed does.';

REVOKE ALL ON FUNCTION gapless.shard_origins FROM PUBLIC;
