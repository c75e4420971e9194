-- Runs as the owner of the schema, who reads the nodes, for whoever may read gapless.doctor. Each worker answers with its own findings; on
-- the coordinator these are in the view itself, which calls this.
CREATE OR REPLACE FUNCTION gapless.doctor_nodes() RETURNS TABLE (
    finding  text,
    severity text,
    object   text,
    message  text,
    remedy   text
)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    local_group integer;
BEGIN
    IF to_regclass('pg_catalog.pg_dist_node') IS NULL THEN
        RETURN;
    END IF;
    EXECUTE 'SELECT g.groupid FROM pg_dist_local_group AS g' INTO local_group;
    IF local_group <> 0 THEN
        RETURN;
    END IF;
    IF NOT has_table_privilege(coalesce(nullif(current_setting('role'), 'none'), session_user::text)::name, 'gapless.doctor', 'SELECT') THEN
        RAISE EXCEPTION 'permission denied for view gapless.doctor'
            USING ERRCODE = 'insufficient_privilege', HINT = 'GRANT SELECT ON gapless.doctor gives it.', SCHEMA = 'gapless', TABLE = 'doctor';
    END IF;
    RETURN QUERY
    WITH answer AS MATERIALIZED (
        SELECT a.nodename, a.nodeport, format('%s:%s', a.nodename, a.nodeport) AS node, a.success, a.result
        FROM gapless.node_answers($command$
            SELECT json_build_object(
                'coordinator', g.groupid = 0,
                'version', (SELECT max(p.prosrc) FROM pg_proc AS p WHERE p.pronamespace = 'gapless'::regnamespace AND p.proname = 'version_gapless'),
                'mark', (
                    SELECT encode(sha256(convert_to(string_agg(concat_ws(' ', p.proname, coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)), ' ' ORDER BY p.proname COLLATE "C", p.oidvectortypes COLLATE "C"), 'UTF8')), 'hex')
                    FROM (SELECT p.oid, p.proname, p.prosrc, oidvectortypes(p.proargtypes) AS oidvectortypes FROM pg_proc AS p WHERE p.pronamespace = 'gapless'::regnamespace AND p.proname <> 'guard_partitions_of_command') AS p
                ),
                'doctor', CASE WHEN g.groupid <> 0 THEN (SELECT coalesce(json_agg(d), '[]') FROM gapless.doctor AS d) ELSE '[]' END,
                'attached', (
                    SELECT coalesce(json_agg(format('%I.%I.%I', n.nspname, c.relname, u.column_name)), '[]')
                    FROM gapless.guard AS u
                    JOIN pg_class AS c ON c.oid = u.relation
                    JOIN pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE u.purpose = 'insert'
                ),
                'shards', ( -- whose tables are there: of the others its own doctor tells
                    SELECT coalesce(json_agg(json_build_object(
                        'table', h.table_id, 'shard', h.shard, 'placement', h.placement, 'title', format('%I.%I.%I', n.nspname, c.relname, h.column_name), 'series', o.series, 'names', o.names
                    )), '[]')
                    FROM gapless.shard AS h
                    JOIN pg_class AS c ON c.oid = h.relation
                    JOIN pg_namespace AS n ON n.oid = c.relnamespace
                    CROSS JOIN LATERAL (
                        SELECT count(*) AS series, array_to_string((array_agg(s.name ORDER BY s.name))[1:3], ', ') AS names
                        FROM gapless.sequence_lock AS s
                        WHERE s.target = h.relation AND s.target_column = h.column_name
                    ) AS o
                    WHERE o.series > 0
                ),
                'unplaced', gapless.shard_unplaced(),
                'series', (
                    SELECT coalesce(json_agg(s.name), '[]')
                    FROM gapless.sequence_lock AS s
                    WHERE (s.bounded OR EXISTS (SELECT FROM gapless.journal AS j WHERE j.name = s.name)) AND NOT EXISTS (SELECT FROM gapless.dropped AS d WHERE d.name = s.name)
                )
            )
            FROM pg_dist_local_group AS g
        $command$) AS a
    ), read AS MATERIALIZED (
        SELECT a.node, a.result::json AS result FROM answer AS a WHERE a.success
    ), schema AS MATERIALIZED (
        -- A command that names the schema cannot tell that there is none.
        SELECT format('%s:%s', n.nodename, n.nodeport) AS node
        FROM gapless.node_answers('SELECT to_regclass(''gapless.doctor'') IS NULL') AS n
        WHERE EXISTS (SELECT FROM answer AS a WHERE NOT a.success) AND n.success AND n.result = 't'
    ), unguarded AS MATERIALIZED (
        SELECT m.*, gapless.column_shard_kind(to_regclass(m.table_name)) IS NOT DISTINCT FROM 'local' AS managed
        FROM (
            SELECT t.table_name, right(a.entry, -length(t.shard_name) - 1) AS column_name, count(*) AS shards
            FROM read AS r
            CROSS JOIN LATERAL json_array_elements_text(r.result -> 'attached') AS a (entry)
            JOIN gapless.shard_tables() AS t ON starts_with(a.entry, t.shard_name || '.')
            GROUP BY 1, 2
        ) AS m
        WHERE NOT EXISTS (SELECT FROM gapless.shard_guards() AS g WHERE g.relation::text = m.table_name AND quote_ident(g.guarded) = m.column_name)
    )
    -- node_without_gapless
    SELECT
        'node_without_gapless',
        'critical',
        s.node,
        'gapless is not installed on the node, or not whole, so that no shard can be attached there',
        'Run `gapless migrate up` on the coordinator; or sql/gapless.sql on that node, with citus.enable_ddl_propagation = off.'
    FROM schema AS s
    UNION ALL
    -- node_unread
    SELECT
        'node_unread',
        'critical',
        a.node,
        format('nothing is known of the node: %s', a.result),
        'Bring the node back, or have a standby take its place (citus_update_node), and activate it (citus_activate_node).'
    FROM answer AS a
    WHERE NOT a.success AND NOT EXISTS (SELECT FROM schema AS s WHERE s.node = a.node)
    UNION ALL
    -- node_version
    SELECT
        'node_version',
        'critical',
        r.node,
        format('the functions of gapless on the node are not those that are here (version %s, and %s)', substring(r.result ->> 'version' FROM '\d+'), substring(c.result ->> 'version' FROM '\d+')),
        'Run `gapless migrate up` on the coordinator; or sql/gapless.sql on that node, with citus.enable_ddl_propagation = off.'
    FROM read AS r
    JOIN read AS c ON c.result ->> 'coordinator' = 'true' AND c.result ->> 'mark' <> r.result ->> 'mark'
    UNION ALL
    -- series_split
    SELECT
        'series_split',
        'critical',
        m.name,
        format('several nodes have a series of this name, each with numbers or ranges of its own: %s', m.nodes),
        format('Look at both: SELECT * FROM gapless.node_audit(%L, with_series => true); -- if a shard was moved: SELECT * FROM gapless.attach_shards();', m.name)
    FROM (
        SELECT s.name, string_agg(r.node, ', ' ORDER BY r.node) AS nodes
        FROM read AS r
        CROSS JOIN LATERAL json_array_elements_text(r.result -> 'series') AS s (name)
        GROUP BY s.name
        HAVING count(*) > 1
    ) AS m
    UNION ALL
    -- series_unplaced
    SELECT
        'series_unplaced',
        'warning',
        format('node %s', r.node),
        format('sequences here are no column''s, %s in all, and nobody knows of which shard they are: ', m.sequences) || m.names || CASE WHEN m.sequences > 3 THEN format(' and %s more', m.sequences - 3) ELSE '' END,
        format('Say it: SELECT * FROM gapless.attach_shards(%L, ''{"sequence": shard, ...}''); -- get_shard_id_for_distribution_column(%L, ...) tells the shard of a tenant', g.relation, g.relation)
    FROM read AS r
    CROSS JOIN LATERAL (SELECT count(*) AS sequences, array_to_string((array_agg(u.name))[1:3], ', ') AS names FROM json_array_elements_text(r.result -> 'unplaced') AS u (name) WHERE NOT EXISTS (SELECT FROM read AS o CROSS JOIN LATERAL json_array_elements_text(o.result -> 'series') AS s (name) WHERE o.node <> r.node AND s.name = u.name)) AS m
    CROSS JOIN (SELECT g.relation FROM gapless.shard_guards() AS g LIMIT 1) AS g
    WHERE m.sequences > 0
    UNION ALL
    -- shard_unattached
    SELECT
        'shard_unattached',
        'critical',
        format('%s.%I', m.relation, m.guarded),
        format('%s of its shards are not attached, and refuse every write: %s', cardinality(m.shards), array_to_string(m.shards[1:3], ', ') || CASE WHEN cardinality(m.shards) > 3 THEN format(' and %s more', cardinality(m.shards) - 3) ELSE '' END),
        format('SELECT * FROM gapless.attach_shards(%L); -- in a transaction of its own', m.relation)
    FROM (
        SELECT g.relation, g.guarded, array_agg(format('%s on node %s', p.shard_name, r.node) ORDER BY p.shard) AS shards
        FROM gapless.shard_guards() AS g
        CROSS JOIN LATERAL gapless.shard_places(g.relation) AS p
        JOIN read AS r ON r.node = format('%s:%s', p.nodename, p.nodeport)
        WHERE NOT (r.result -> 'attached')::jsonb @> to_jsonb(format('%s.%I', p.shard_name, g.guarded))
        GROUP BY g.relation, g.guarded
    ) AS m
    UNION ALL
    -- table_undistributed
    SELECT
        'table_undistributed',
        'critical',
        format('%I.%I.%I', n.nspname, c.relname, g.guarded),
        'the table is not distributed any more, and the series of the column are still where its shards were',
        format('SELECT * FROM gapless.attach_shards(%L); -- in a transaction of its own', g.relation)
    FROM gapless.shard_guards(false) AS g
    JOIN pg_class AS c ON c.oid = g.relation
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    UNION ALL
    -- shard_unguarded
    SELECT
        'shard_unguarded',
        'critical',
        format('%s.%s', m.table_name, m.column_name),
        format('%s of its shards number themselves, and the table has no guard: one that moves takes rows without a number', m.shards),
        format('Attach it again by gapless.attach_gapless, or end it: SELECT gapless.detach_gapless(%L, %L);', m.table_name, btrim(m.column_name, '"'))
    FROM unguarded AS m
    WHERE NOT m.managed
    UNION ALL
    -- table_managed
    SELECT
        'table_managed',
        'critical',
        m.table_name,
        'Citus has made a shard of the table, as it does for a foreign key to a reference table: its attached column refuses rows',
        'Drop its foreign keys to reference tables, or undistribute it (undistribute_table). Then detach the column, and attach it again, with the same arguments.'
    FROM unguarded AS m
    WHERE m.managed
    UNION ALL
    -- shard_left
    SELECT
        'shard_left',
        'critical',
        format('%s on node %s', h.title, r.node),
        format('shard %s is not on this node any more, and has left series here, %s: %s', h.shard, h.series, h.names) || CASE WHEN h.series > 3 THEN format(' and %s more', h.series - 3) ELSE '' END,
        'SELECT * FROM gapless.attach_shards(); -- in a transaction of its own'
    FROM read AS r
    CROSS JOIN LATERAL json_to_recordset(r.result -> 'shards') AS h ("table" oid, shard bigint, placement bigint, title text, series bigint, names text)
    JOIN (SELECT DISTINCT g.relation FROM gapless.shard_guards() AS g) AS g ON g.relation = h."table"
    WHERE NOT EXISTS (SELECT FROM gapless.shard_places(g.relation) AS p WHERE p.shard = h.shard AND p.placement = h.placement)
    UNION ALL
    SELECT d.finding, d.severity, format('%s on node %s', d.object, r.node), d.message, format('On node %s: %s', r.node, d.remedy)
    FROM read AS r
    CROSS JOIN LATERAL json_to_recordset(r.result -> 'doctor') AS d (finding text, severity text, object text, message text, remedy text)
    WHERE NOT EXISTS (SELECT FROM unguarded AS m WHERE m.managed AND starts_with(d.object, m.table_name || '.')); -- of which a worker has an empty copy
END;
$function$;

COMMENT ON FUNCTION gapless.doctor_nodes IS
'Private, for gapless.doctor, on the coordinator of Citus: what is wrong with its nodes, and what each worker''s own gapless.doctor finds. No row on a worker, and where there is no Citus. A node that does not answer takes as long as citus.node_connection_timeout. Raises 42501 for a role that may not read gapless.doctor.';

REVOKE ALL ON FUNCTION gapless.doctor_nodes FROM PUBLIC;

-- Nothing, which with_citus replaces where Citus is: whoever reads a view has to have EXECUTE on the functions in it.
CREATE OR REPLACE VIEW gapless.doctor_cluster AS
SELECT
    ''::text AS finding,
    ''::text AS severity,
    ''::text AS object,
    ''::text AS message,
    ''::text AS remedy
WHERE false;

REVOKE ALL ON TABLE gapless.doctor_cluster FROM PUBLIC;

COMMENT ON VIEW gapless.doctor_cluster IS
'Private, for gapless.doctor. On the coordinator of Citus, its nodes; else nothing.';
COMMENT ON COLUMN gapless.doctor_cluster.finding IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_cluster.severity IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_cluster.object IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_cluster.message IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_cluster.remedy IS 'As in gapless.doctor.';
