-- Each node is asked for its findings, and for the names of its series, since nobody else sees that two nodes have one of a name.
CREATE OR REPLACE FUNCTION gapless.node_audit(
    name          text     DEFAULT NULL, -- as in audit_gapless
    pattern       text     DEFAULT NULL,
    target        regclass DEFAULT NULL, -- a table of the coordinator; of one that is distributed, all its shards
    target_column name     DEFAULT NULL,
    with_series   boolean  DEFAULT false
) RETURNS TABLE (
    nodename          text,
    nodeport          integer,
    sequence          text,    -- from here on as of audit_gapless, but for the kind split: several nodes have the series
    attached_column   text,
    kind              text,
    first_value       bigint,
    last_value        bigint,
    explained         boolean,
    explanation       text,
    allocated_by      text,
    allocated_as      text,
    allocated_at      timestamptz,
    txid              bigint,
    first_text        text,
    last_text         text,
    keys              jsonb,
    recorded_at       timestamptz,
    details           jsonb,
    distributed_table text,    -- whose shard has the column; NULL of others
    shard             bigint
)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    audits  text;
    asked   text;
    tables  text[];
BEGIN
    IF node_audit.name IS NOT NULL THEN
        PERFORM gapless.check_name(node_audit.name);
    END IF;
    audits := format('gapless.audit_gapless(name => %L, pattern => %L, with_series => %L) AS f', node_audit.name, node_audit.pattern, node_audit.with_series);
    asked := format('(%1$L::text IS NULL OR s.name = %1$L) AND (%2$L::text IS NULL OR s.name LIKE %2$L)', node_audit.name, node_audit.pattern);
    IF node_audit.target IS NOT NULL THEN
        SELECT array_agg(coalesce(t.shard_name, c.name))
        INTO tables
        FROM (
            SELECT format('%I.%I', n.nspname, c.relname) AS name
            FROM pg_catalog.pg_class AS c
            JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.oid = node_audit.target
        ) AS c
        LEFT JOIN gapless.shard_tables() AS t ON t.table_name = c.name AND gapless.column_shard_kind(node_audit.target) IS DISTINCT FROM 'local';
        IF NOT EXISTS (
            SELECT FROM unnest('{t,f}'::boolean[]) AS d (distributed) CROSS JOIN LATERAL gapless.shard_guards(d.distributed) AS g WHERE g.relation = node_audit.target AND (node_audit.target_column IS NULL OR g.guarded = node_audit.target_column)
            UNION ALL
            SELECT FROM gapless.guard AS g WHERE g.relation = node_audit.target AND g.purpose = 'insert' AND (node_audit.target_column IS NULL OR g.column_name = node_audit.target_column)
        ) THEN
            RAISE EXCEPTION 'table % has no attached column%', node_audit.target, coalesce(' "' || node_audit.target_column || '"', '')
                USING ERRCODE = 'undefined_object', HINT = 'gapless.node_columns() shows all that are.', SCHEMA = 'gapless', CONSTRAINT = 'gapless_unattached';
        END IF;
        audits := format(
            '(SELECT to_regclass(u.name) AS target FROM unnest(%L::text[]) AS u (name) WHERE EXISTS (SELECT FROM gapless.guard AS g WHERE g.relation = to_regclass(u.name) AND g.purpose = ''insert'') OFFSET 0) AS t
            CROSS JOIN LATERAL gapless.audit_gapless(name => %L, pattern => %L, target => t.target, target_column => %L, with_series => %L) AS f',
            tables, node_audit.name, node_audit.pattern, node_audit.target_column, node_audit.with_series
        );
        asked := asked || format(' AND s.target IN (SELECT to_regclass(u.name) FROM unnest(%L::text[]) AS u (name)) AND (%2$L::text IS NULL OR s.target_column = %2$L)', tables, node_audit.target_column);
    END IF;
    RETURN QUERY
    WITH answer AS MATERIALIZED (
        SELECT a.nodename, a.nodeport, a.success, a.result
        FROM gapless.node_answers(format(
            'SELECT json_build_object(
                ''attached'', (
                    SELECT coalesce(json_agg(pg_catalog.format(''%%I.%%I.%%I'', n.nspname, c.relname, u.column_name)), ''[]'')
                    FROM gapless.guard AS u
                    JOIN pg_catalog.pg_class AS c ON c.oid = u.relation
                    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE u.purpose = ''insert''
                ),
                ''findings'', (SELECT coalesce(json_agg(f), ''[]'') FROM %s),
                ''series'', (
                    SELECT coalesce(json_agg(json_build_object(''name'', s.name, ''attached_column'', gapless.attached_column(s.target, s.target_column))), ''[]'')
                    FROM gapless.sequence_lock AS s
                    WHERE %s AND (s.bounded OR EXISTS (SELECT FROM gapless.journal AS j WHERE j.name = s.name)) AND NOT EXISTS (SELECT FROM gapless.dropped AS d WHERE d.name = s.name)
                )
            )', audits, asked
        )) AS a
    ), place AS MATERIALIZED (
        SELECT a.nodename, a.nodeport, s.name, s.attached_column, format('%s:%s', a.nodename, a.nodeport) || coalesce(' (' || s.attached_column || ')', '') AS place
        FROM answer AS a
        CROSS JOIN LATERAL json_to_recordset(CASE WHEN a.success THEN a.result::json -> 'series' ELSE '[]' END) AS s (name text, attached_column text)
    ), managed AS MATERIALIZED (
        SELECT t.table_name, t.shard_name FROM gapless.shard_tables() AS t WHERE gapless.column_shard_kind(to_regclass(t.table_name)) = 'local'
    ), finding AS (
        SELECT a.nodename, a.nodeport, f.sequence, f.attached_column, f.kind, f.first_value, f.last_value, f.explained, f.explanation,
            f.allocated_by, f.allocated_as, f.allocated_at, f.txid, f.first_text, f.last_text, f.keys, f.recorded_at, f.details
        FROM answer AS a
        CROSS JOIN LATERAL json_to_recordset(CASE WHEN a.success THEN a.result::json -> 'findings' ELSE '[]' END) AS f (
            sequence text, attached_column text, kind text, first_value bigint, last_value bigint, explained boolean, explanation text,
            allocated_by text, allocated_as text, allocated_at timestamptz, txid bigint, first_text text, last_text text, keys jsonb, recorded_at timestamptz, details jsonb
        )
        WHERE NOT EXISTS ( -- of which the coordinator says that it is not read, by its own name
            SELECT FROM managed AS m
            WHERE starts_with(f.attached_column, m.shard_name || '.')
                OR starts_with(f.attached_column, m.table_name || '.') AND (a.nodename, a.nodeport) NOT IN (SELECT c.nodename, c.nodeport FROM gapless.shard_coordinator() AS c)
        )
        UNION ALL
        SELECT a.nodename, a.nodeport, '', NULL, 'not read', NULL, NULL, false, 'the node could not be audited: ' || a.result, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM answer AS a
        WHERE NOT a.success
        UNION ALL
        SELECT a.nodename, a.nodeport, '', format('%s.%I', p.shard_name, g.guarded), 'not read', NULL, NULL, false,
            'the shard is not attached, so that nothing is known of its rows: attach_shards attaches it', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM gapless.shard_guards() AS g
        CROSS JOIN LATERAL gapless.shard_places(g.relation) AS p
        JOIN answer AS a ON a.nodename = p.nodename AND a.nodeport = p.nodeport AND a.success
        WHERE NOT (a.result::json -> 'attached')::jsonb @> to_jsonb(format('%s.%I', p.shard_name, g.guarded))
            AND (node_audit.target IS NULL OR g.relation = node_audit.target AND (node_audit.target_column IS NULL OR g.guarded = node_audit.target_column))
        UNION ALL
        SELECT c.nodename, c.nodeport, '', format('%I.%I.%I', n.nspname, r.relname, g.guarded), 'not read', NULL, NULL, false,
            'the table is not distributed any more, and its series are still where its shards were: attach_shards brings them', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM gapless.shard_guards(false) AS g
        JOIN pg_catalog.pg_class AS r ON r.oid = g.relation
        JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace
        CROSS JOIN LATERAL gapless.shard_coordinator() AS c
        WHERE node_audit.target IS NULL OR g.relation = node_audit.target AND (node_audit.target_column IS NULL OR g.guarded = node_audit.target_column)
        UNION ALL
        SELECT p.nodename, p.nodeport, p.name, p.attached_column, 'split', NULL, NULL, false, 'several nodes have a series of this name, each with numbers or ranges of its own: ' || m.places, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM (SELECT p.name, string_agg(p.place, ', ' ORDER BY p.place) AS places FROM place AS p GROUP BY p.name HAVING count(*) > 1) AS m
        JOIN place AS p ON p.name = m.name
    )
    SELECT f.*, t.table_name, t.shard
    FROM finding AS f
    LEFT JOIN gapless.shard_tables() AS t ON t.shard = gapless.shard_of(f.attached_column) AND starts_with(f.attached_column, t.shard_name || '.')
    ORDER BY f.sequence COLLATE "C", f.first_value, f.kind, f.allocated_at, f.nodename, f.nodeport;
END;
$function$;

COMMENT ON FUNCTION gapless.node_audit IS
'On the coordinator of Citus: the findings of audit_gapless on all nodes, with the node, and the distributed table whose shard has the column; with one of kind not read for each node that could not be audited and each shard or table that is not attached since Citus moved, split or undistributed it, and one of kind split for each node that has a series of which another one has some, too. Each node is audited by its own snapshot. Nothing that is not explained, and nothing that was not read, means that numbering is sound. Raises 22023 for the name, 42704 where the table has no such column, and 55000 where there is no Citus.';

REVOKE ALL ON FUNCTION gapless.node_audit FROM PUBLIC;
