-- Rights that nobody gave on purpose (default privileges, a restore without privileges), and those that are lacking.
CREATE OR REPLACE VIEW gapless.doctor_privileges AS
WITH schema AS (
    SELECT
        n.nspowner AS owner,
        n.nspacl,
        EXISTS (SELECT FROM aclexplode(n.nspacl) AS x WHERE x.grantee = 0 AND x.privilege_type = 'USAGE') AS is_public,
        EXISTS (SELECT FROM aclexplode(n.nspacl) AS x WHERE x.grantee <> n.nspowner AND x.privilege_type = 'USAGE') AS is_used
    FROM pg_catalog.pg_namespace AS n
    WHERE n.nspname = 'gapless'
), executor AS (
    SELECT
        x.grantee::oid AS grantee,
        CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END AS name,
        CASE WHEN x.grantee = 0 THEN s.is_used ELSE has_schema_privilege(x.grantee, 'gapless', 'USAGE') END AS reaches,
        s.is_public,
        p.proname
    FROM schema AS s
    JOIN pg_catalog.pg_proc AS p ON p.pronamespace = 'gapless'::regnamespace AND p.proname <> 'guard_partitions_of_command'
    CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS x
    WHERE x.grantee <> s.owner AND x.grantee <> p.proowner
        AND CASE
            -- grant_gapless('public') is somebody's decision.
            WHEN x.grantee = 0 THEN p.proname <> 'doctor_nodes' AND (NOT s.is_public OR p.proname NOT IN (
                'next_gapless', 'next_gapless_batch', 'last_gapless', 'peek_gapless', 'mark_gapless', 'outcome_gapless', 'flush_gapless'
            ))
            -- What has a name that ends so is granted one by one, and column_... to the owners of tables.
            ELSE p.proname !~ '_gapless(_batch)?$' AND p.proname NOT IN ('guard_partitions', 'guard_new_partitions', 'node_sequences', 'node_columns', 'node_holders', 'node_audit') AND NOT starts_with(p.proname, 'column_')
        END
), writer AS (
    SELECT
        x.grantee::oid AS grantee,
        CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END AS name,
        c.relname,
        x.privilege_type::text AS privilege_type
    FROM schema AS s
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = 'gapless'::regnamespace AND c.relkind = 'r'
    CROSS JOIN LATERAL (
        SELECT t.grantee::oid AS grantee, t.privilege_type::text AS privilege_type FROM aclexplode(c.relacl) AS t
        UNION ALL
        SELECT k.grantee::oid, k.privilege_type::text
        FROM pg_catalog.pg_attribute AS a
        CROSS JOIN LATERAL aclexplode(a.attacl) AS k
        WHERE a.attrelid = c.oid AND NOT (c.relname = 'waiting' AND k.grantee = 0 AND a.attname IN ('attachment', 'names', 'keys'))
    ) AS x
    WHERE x.grantee NOT IN (s.owner, c.relowner) AND x.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER')
), reader AS (
    SELECT c.relname
    FROM schema AS s
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = 'gapless'::regnamespace AND c.relkind IN ('r', 'v') AND c.relname <> 'waiting'
    CROSS JOIN LATERAL aclexplode(c.relacl) AS x
    WHERE x.grantee = 0 AND x.privilege_type = 'SELECT' AND NOT (s.is_public AND c.relname IN ('sequences', 'ranges', 'holders', 'columns'))
), made AS (
    -- The functions of attached columns, whose names begin with that of the trigger for INSERT. Anybody may
    -- execute those that run with the caller's rights, or do what would happen anyway.
    SELECT
        format('%I.%I', n.nspname, c.relname) AS table_name,
        g.column_name,
        c.relowner AS owner,
        s.owner AS installer,
        p.oid,
        coalesce(p.proacl, acldefault('f', p.proowner)) AS acl,
        w.word IN ('number', 'assign', 'single', 'finish', 'key') AS anybodys,
        w.word IN ('rows', 'links', 'prints') AS audited
    FROM gapless.guard AS g
    JOIN pg_catalog.pg_class AS c ON c.oid = g.relation
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_proc AS i ON i.oid = g.function
    CROSS JOIN unnest('{series,due,dated,text,chain,read,keep,check_text,enter,pending,head,update,arrive,issue,note,key,single,assign,rest,number,finish,commit,confirm,rows,links,prints}'::text[]) AS w (word)
    JOIN pg_catalog.pg_proc AS p ON p.proname = (i.proname || '_' || w.word)::name AND p.pronamespace = i.pronamespace AND p.proowner = c.relowner
    CROSS JOIN schema AS s
    WHERE g.purpose = 'insert'
), given AS (
    SELECT m.table_name, m.column_name, m.oid, m.audited, CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END AS name
    FROM made AS m
    CROSS JOIN LATERAL aclexplode(m.acl) AS x
    WHERE x.grantee <> m.owner AND (m.anybodys AND x.grantee = 0) IS NOT TRUE AND (m.audited AND x.grantee = m.installer) IS NOT TRUE
)
-- schema_writable
SELECT
    'schema_writable' AS finding,
    'critical' AS severity,
    CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END AS object,
    format('%s may make objects in schema gapless', CASE x.grantee WHEN 0 THEN 'everybody' ELSE format('role %I', pg_get_userbyid(x.grantee)) END) AS message,
    format('REVOKE CREATE ON SCHEMA gapless FROM %s;', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END) AS remedy
FROM schema AS s
CROSS JOIN LATERAL aclexplode(s.nspacl) AS x
WHERE x.grantee <> s.owner AND x.privilege_type = 'CREATE'
UNION ALL
-- execute_granted
SELECT
    'execute_granted',
    CASE WHEN e.reaches THEN 'critical' ELSE 'warning' END,
    e.name,
    format('%s may execute functions that gapless gives to nobody: %s, such as %s', e.name, count(*), min(e.proname)) || CASE WHEN e.reaches THEN '' ELSE ', once there is a right to the schema' END,
    format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA gapless FROM %s;', e.name)
    || CASE WHEN e.grantee = 0 AND EXISTS (SELECT FROM pg_catalog.pg_extension AS x WHERE x.extname = 'citus') THEN ' GRANT EXECUTE ON FUNCTION gapless.doctor_nodes() TO PUBLIC;' ELSE '' END
    || CASE
        WHEN e.grantee = 0 AND NOT e.is_public THEN ''
        ELSE format(' SELECT gapless.grant_gapless(%L); -- and again what else it was given', CASE e.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(e.grantee) END)
    END
FROM executor AS e
GROUP BY e.grantee, e.name, e.reaches, e.is_public
UNION ALL
-- write_granted
SELECT
    'write_granted',
    'critical',
    w.name,
    format('%s may write %s of the tables that numbering rests on, such as gapless.%I', w.name, count(DISTINCT w.relname), min(w.relname)),
    format('REVOKE %s ON TABLE %s FROM %s;',
        string_agg(DISTINCT w.privilege_type, ', '), string_agg(DISTINCT format('gapless.%I', w.relname), ', '), w.name)
        || CASE WHEN w.grantee = 0 AND bool_or(w.relname = 'waiting') THEN ' GRANT SELECT, INSERT (attachment, names, keys) ON TABLE gapless.waiting TO PUBLIC;' ELSE '' END
FROM writer AS w
GROUP BY w.grantee, w.name
UNION ALL
-- read_granted
SELECT
    'read_granted',
    'warning',
    'PUBLIC',
    format('everybody may read %s tables and views of gapless, such as gapless.%I', count(*), min(r.relname)),
    format('REVOKE SELECT ON TABLE %s FROM PUBLIC;', string_agg(format('gapless.%I', r.relname), ', ' ORDER BY r.relname))
FROM reader AS r
HAVING count(*) > 0
UNION ALL
-- column_granted
SELECT
    'column_granted',
    'warning',
    format('%s.%I', g.table_name, g.column_name),
    format('%s may execute functions of the column: %s', g.name, count(*))
        || CASE WHEN bool_or(g.audited) THEN ', and so read its numbers without a right to the table' ELSE '' END,
    format('REVOKE ALL ON FUNCTION %s FROM %s;', string_agg(g.oid::regprocedure::text, ', ' ORDER BY g.oid), g.name)
FROM given AS g
GROUP BY g.table_name, g.column_name, g.name
UNION ALL
-- grant_missing
SELECT
    'grant_missing',
    'critical',
    'gapless.waiting',
    'not everybody may note a row that is numbered at commit, so that INSERTs of others than the owner fail',
    'GRANT SELECT, INSERT (attachment, names, keys) ON TABLE gapless.waiting TO PUBLIC;'
FROM pg_catalog.pg_class AS c
WHERE c.oid = 'gapless.waiting'::regclass
    AND NOT (
        EXISTS (SELECT FROM aclexplode(c.relacl) AS x WHERE x.grantee = 0 AND x.privilege_type = 'SELECT')
        AND 3 = (
            SELECT count(*)
            FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = c.oid AND a.attname IN ('attachment', 'names', 'keys')
                AND EXISTS (SELECT FROM aclexplode(a.attacl) AS x WHERE x.grantee = 0 AND x.privilege_type = 'INSERT')
        )
    )
UNION ALL
SELECT
    'grant_missing',
    'critical',
    format('%s.%I', m.table_name, m.column_name),
    CASE WHEN m.audited THEN format('role %I, which owns schema gapless, may not read the column for the audit', pg_get_userbyid(m.installer))
        ELSE 'not everybody may execute what numbers the column at commit, so that INSERTs of others than the owner fail' END,
    format('GRANT EXECUTE ON FUNCTION %s TO %s;', string_agg(m.oid::regprocedure::text, ', ' ORDER BY m.oid), CASE WHEN m.audited THEN quote_ident(pg_get_userbyid(m.installer)) ELSE 'PUBLIC' END)
FROM made AS m
WHERE CASE
    WHEN m.audited THEN NOT has_function_privilege(m.installer, m.oid, 'EXECUTE')
    WHEN m.anybodys THEN NOT EXISTS (SELECT FROM aclexplode(m.acl) AS x WHERE x.grantee = 0)
END
GROUP BY m.table_name, m.column_name, m.audited, m.installer;

REVOKE ALL ON TABLE gapless.doctor_privileges FROM PUBLIC;

COMMENT ON VIEW gapless.doctor_privileges IS
'Private, for gapless.doctor. Rights that gapless does not give, and those that it gives and that are gone.';
COMMENT ON COLUMN gapless.doctor_privileges.finding IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_privileges.severity IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_privileges.object IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_privileges.message IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_privileges.remedy IS 'As in gapless.doctor.';
