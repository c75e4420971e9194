CREATE OR REPLACE VIEW gapless.fault AS
WITH RECURSIVE attachment AS MATERIALIZED (
    SELECT * FROM gapless.attachment
), tree AS (
    -- pg_partition_tree would lock.
    SELECT a.relation, a.column_name, a.partitioned, a.at_commit, a.relation AS member FROM attachment AS a
    UNION ALL
    SELECT t.relation, t.column_name, t.partitioned, t.at_commit, i.inhrelid
    FROM tree AS t
    JOIN pg_catalog.pg_inherits AS i ON i.inhparent = t.member AND NOT i.inhdetachpending
    WHERE t.partitioned
), member AS (
    SELECT t.*, format('%I.%I', n.nspname, c.relname) AS member_name, c.relpersistence, c.relispartition AND c.relkind <> 'p' AS leaf, c.relispartition AND c.relkind = 'p' AS middle
    FROM tree AS t
    JOIN pg_catalog.pg_class AS c ON c.oid = t.member
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
), present AS (
    SELECT m.*, t.oid AS trigger, t.tgname, t.tgparentid, t.tgenabled
    FROM member AS m
    JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = m.member AND starts_with(t.tgname, '~gapless_') AND m.column_name = substr(t.tgname,
        CASE split_part(t.tgname, '_', 2) WHEN 'kept' THEN length('~gapless_kept_delete_') ELSE length('~gapless__') + length(split_part(t.tgname, '_', 2)) END + 1
    )::name
), function AS (
    SELECT a.relation, a.column_name, a.owner, format('%I.%I', n.nspname, a.stem || w.suffix) AS function_name, w.definer::boolean AS definer, p.oid, p.proowner, p.prosecdef
    FROM attachment AS a
    JOIN pg_catalog.pg_namespace AS n ON n.oid = a.schema
    LEFT JOIN pg_catalog.pg_proc AS r ON r.pronamespace = a.schema AND r.proowner = a.maker AND r.proname = a.stem || '_text'
    CROSS JOIN LATERAL (
        VALUES
            ('', true, true), ('_update', true, true), ('_issue', true, true), ('_keep', true, true), ('_rows', true, true), ('_prints', true, true),
            ('_enter', NOT a.at_commit, true), ('_pending', NOT a.at_commit, true), ('_head', a.noted ~ ', series_of => E?''(?:[^'']|'''')*'', at_commit => (?:true|false), initial => [^,'']*, unnumbered => ', false), ('_arrive', NOT a.at_commit AND NOT a.partitioned, true),
            ('_note', a.at_commit, true), ('_assign', a.at_commit, true), ('_rest', a.at_commit, true), ('_finish', a.at_commit, true), ('_confirm', a.at_commit, true),
            ('_number', a.at_commit, false), ('_commit', a.at_commit, false), ('_single', a.at_commit, true),
            ('_chain', a.hash_column IS NOT NULL, false), ('_links', a.hash_column IS NOT NULL, true),
            ('_check_text', r.prorettype = 'text'::regtype, true), ('_read', r.prorettype = 'text'::regtype, false),
            ('_series', true, false), ('_due', true, false), ('_dated', true, false), ('_text', true, false)
    ) AS w (suffix, wanted, definer)
    LEFT JOIN LATERAL (
        SELECT p.oid, p.proowner, p.prosecdef
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = a.schema AND p.proname = a.stem || w.suffix
        ORDER BY p.proowner = a.maker DESC, p.oid
        LIMIT 1
    ) AS p ON true
    WHERE w.wanted
), found AS (
    SELECT a.relation, a.column_name, format('missing on table %s: %s', a.table_name, string_agg('trigger ' || w.name, ', ' ORDER BY w.name)) AS fault, NULL::text AS remedy
    FROM attachment AS a
    CROSS JOIN LATERAL (
        VALUES
            ('insert', true), ('draft', true), ('update', true), ('issue', true), ('delete', true), ('truncate', true),
            ('enter', a.partitioned OR NOT a.at_commit), ('settle', a.partitioned), ('leave', a.partitioned OR NOT a.at_commit), ('note', a.at_commit),
            ('commit', a.at_commit), ('confirm', a.at_commit)
    ) AS v (purpose, wanted)
    CROSS JOIN LATERAL (SELECT ('~gapless_' || v.purpose || '_' || a.column_name)::name AS name) AS w
    WHERE v.wanted AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = a.relation AND t.tgname = w.name)
    GROUP BY a.relation, a.column_name, a.table_name
    UNION ALL
    SELECT m.relation, m.column_name, format('missing on partition %s: %s', m.member_name, string_agg('trigger ' || w.name, ', ' ORDER BY w.name)), NULL
    FROM member AS m
    CROSS JOIN (VALUES ('truncate'), ('settle'), ('kept_delete'), ('kept_update'), ('kept_commit')) AS v (purpose)
    CROSS JOIN LATERAL (SELECT ('~gapless_' || v.purpose || '_' || m.column_name)::name AS name) AS w
    WHERE m.leaf
        AND (v.purpose <> 'kept_commit' OR m.at_commit)
        AND EXISTS (SELECT FROM present AS p WHERE p.relation = m.relation AND p.column_name = m.column_name AND p.member = m.member AND p.tgparentid = 0)
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = m.member AND t.tgname = w.name)
    GROUP BY m.relation, m.column_name, m.member_name
    UNION ALL
    SELECT m.relation, m.column_name, format('partition %s has no guards of its own', m.member_name), format('SELECT gapless.guard_partitions(%s);', quote_literal(a.table_name))
    FROM member AS m
    JOIN attachment AS a ON a.relation = m.relation AND a.column_name = m.column_name
    WHERE (m.leaf OR m.middle)
        AND NOT EXISTS (SELECT FROM present AS p WHERE p.relation = m.relation AND p.column_name = m.column_name AND p.member = m.member AND p.tgparentid = 0)
    UNION ALL
    SELECT p.relation, p.column_name, format('%s on table %s: %s', CASE p.tgenabled
        WHEN 'D' THEN 'disabled'
        WHEN 'R' THEN 'enabled for replicas alone'
        ELSE 'enabled for replicas as well'
    END, p.member_name, string_agg('trigger ' || p.tgname, ', ' ORDER BY p.tgname)), NULL
    FROM present AS p
    WHERE p.tgenabled <> 'O'
    GROUP BY p.relation, p.column_name, p.member_name, p.tgenabled
    UNION ALL
    SELECT m.relation, m.column_name, format('on table %s: trigger %s fires after the guards', m.member_name, t.tgname),
        format('ALTER TRIGGER %I ON %s RENAME TO %I;', t.tgname, m.member_name, coalesce(nullif(ltrim(t.tgname, '~'), ''), 'early'))
    FROM member AS m
    JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = m.member
    WHERE t.tgname > '~gapless_insert'
        AND NOT starts_with(t.tgname, '~gapless_')
        AND t.tgparentid = 0
        AND NOT t.tgisinternal
        AND t.tgtype::integer & 3 = 3 -- BEFORE, FOR EACH ROW
        AND t.tgtype::integer & CASE WHEN m.partitioned THEN 28 ELSE 20 END <> 0 -- INSERT, UPDATE; DELETE, as a row moves
    UNION ALL
    SELECT m.relation, m.column_name, format('table %s is not logged, so that a crash empties it', m.member_name), format('ALTER TABLE %s SET LOGGED;', m.member_name)
    FROM member AS m
    WHERE m.relpersistence <> 'p'
    UNION ALL
    SELECT a.relation, a.column_name, format('row level security is forced on role %I, which owns table %s', o.rolname, a.table_name),
        format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY;', a.table_name)
    FROM attachment AS a
    JOIN pg_catalog.pg_class AS c ON c.oid = a.relation AND c.relforcerowsecurity
    JOIN pg_catalog.pg_roles AS o ON o.oid = a.owner AND NOT o.rolsuper AND NOT o.rolbypassrls
    UNION ALL
    SELECT f.relation, f.column_name, format('function %s is gone', f.function_name), NULL
    FROM function AS f
    WHERE f.oid IS NULL
    UNION ALL
    SELECT a.relation, a.column_name, format('no unique index of table %s contains the column', a.table_name),
        format('CREATE UNIQUE INDEX ON %s (%I); -- with what tells its series apart, if it has several', a.table_name, a.column_name)
    FROM attachment AS a
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_index AS i WHERE i.indrelid = a.relation AND i.indisunique AND i.indisvalid AND a.attnum = ANY ((i.indkey::smallint[])[0: i.indnkeyatts - 1]))
    UNION ALL
    SELECT a.relation, a.column_name, format('the primary key of table %s is not the one with which the column was attached', a.table_name), NULL
    FROM attachment AS a
    JOIN pg_catalog.pg_proc AS p ON p.pronamespace = a.schema AND p.proowner = a.maker AND p.proname = a.stem || '_assign'
    WHERE a.at_commit AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index AS i
        CROSS JOIN LATERAL unnest((i.indkey::smallint[])[0: i.indnkeyatts - 1]) WITH ORDINALITY AS k (attnum, i)
        JOIN pg_catalog.pg_attribute AS c ON c.attrelid = i.indrelid AND c.attnum = k.attnum
        JOIN pg_catalog.pg_type AS t ON t.oid = c.atttypid
        JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
        WHERE i.indrelid = a.relation AND i.indisprimary
        HAVING strpos(p.prosrc, '-- ' || to_jsonb(array_agg(concat_ws(' ', c.attname, n.nspname, t.typname, c.atttypmod) ORDER BY k.i))::text) > 0
    )
    UNION ALL
    SELECT a.relation, a.column_name, format('the primary key of table %s is deferrable, and at_commit finds a row by it before it is checked', a.table_name),
        format('ALTER TABLE %s DROP CONSTRAINT %I, ADD PRIMARY KEY (%s);', a.table_name, k.conname, (
            SELECT string_agg(quote_ident(c.attname), ', ' ORDER BY u.i)
            FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, i)
            JOIN pg_catalog.pg_attribute AS c ON c.attrelid = k.conrelid AND c.attnum = u.attnum
        ))
    FROM attachment AS a
    JOIN pg_catalog.pg_constraint AS k ON k.conrelid = a.relation AND k.contype = 'p' AND k.condeferrable
    WHERE a.at_commit
    UNION ALL
    SELECT a.relation, a.column_name, format('role %I, which owns table %s, cannot read its former partition %I.%I', pg_get_userbyid(a.owner), a.table_name, n.nspname, c.relname),
        format('GRANT USAGE ON SCHEMA %I TO %I; GRANT SELECT ON %I.%I TO %I;', n.nspname, pg_get_userbyid(a.owner), n.nspname, c.relname, pg_get_userbyid(a.owner))
    FROM attachment AS a
    JOIN pg_catalog.pg_proc AS p ON p.pronamespace = a.schema AND p.proowner = a.maker AND p.proname = a.stem || '_keep'
    JOIN pg_catalog.pg_trigger AS k ON k.tgfoid = p.oid AND k.tgname = ('~gapless_kept_delete_' || a.column_name)::name
    JOIN pg_catalog.pg_class AS c ON c.oid = k.tgrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE NOT (has_schema_privilege(a.owner, n.oid, 'USAGE') AND has_table_privilege(a.owner, c.oid, 'SELECT'))
        AND NOT EXISTS (SELECT FROM tree AS t WHERE t.relation = a.relation AND t.column_name = a.column_name AND t.member = c.oid)
    UNION ALL
    SELECT f.relation, f.column_name, format('function %s is no longer SECURITY DEFINER', f.function_name), NULL
    FROM function AS f
    WHERE f.definer AND NOT f.prosecdef
    UNION ALL
    SELECT f.relation, f.column_name, format('the table belongs to role %I, and its functions to role %I', pg_get_userbyid(f.owner), pg_get_userbyid(f.proowner)),
        string_agg(format('ALTER FUNCTION %s OWNER TO %I;', f.oid::regprocedure, pg_get_userbyid(f.owner)), ' ' ORDER BY f.oid) || coalesce(' ' || a.attach, '')
    FROM function AS f
    JOIN attachment AS a ON a.relation = f.relation AND a.column_name = f.column_name
    WHERE f.proowner <> f.owner
    GROUP BY f.relation, f.column_name, f.owner, f.proowner, a.attach
    UNION ALL
    SELECT a.relation, a.column_name, format('role %I, which owns the table, has no right to what numbers its columns', pg_get_userbyid(a.owner)), o.remedy
    FROM attachment AS a
    JOIN (
        SELECT
            o.owner,
            format('GRANT USAGE ON SCHEMA gapless TO %I; ', pg_get_userbyid(o.owner)) || format('GRANT EXECUTE ON FUNCTION %s TO %I;', string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.proname), pg_get_userbyid(o.owner)) AS remedy
        FROM (SELECT DISTINCT a.owner FROM attachment AS a) AS o
        CROSS JOIN pg_catalog.pg_proc AS p
        WHERE p.pronamespace = 'gapless'::regnamespace
            AND starts_with(p.proname, 'column_')
            AND NOT (has_schema_privilege(o.owner, 'gapless', 'USAGE') AND has_function_privilege(o.owner, p.oid, 'EXECUTE'))
        GROUP BY o.owner
    ) AS o ON o.owner = a.owner
    UNION ALL
    SELECT a.relation, a.column_name, format('the comment of function %s, in which attach_gapless noted its arguments, is gone', a.stem),
        format('Detach the column, and attach it with the arguments that it had: BEGIN; SELECT gapless.detach_gapless(%L, %L); SELECT gapless.attach_gapless(%L, %L, <its arguments>); COMMIT;', a.table_name, a.column_name, a.table_name, a.column_name)
    FROM attachment AS a
    WHERE a.stem IS NOT NULL AND a.initial IS NULL AND EXISTS (SELECT FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = a.schema AND p.proowner = a.maker AND p.proname = a.stem)
    UNION ALL
    SELECT a.relation, a.column_name, format('the table was renamed: the column that was attached is %s', substring(a.noted FROM '^Numbers (.*?)[.] Made by: ')), NULL
    FROM attachment AS a
    WHERE a.initial IS NOT NULL AND NOT starts_with(replace(a.noted, '"', ''), replace(format('Numbers %s.%s. Made by: ', a.table_name, a.column_name), '"', ''))
    UNION ALL
    SELECT a.relation, a.column_name, CASE
        WHEN n.attname IS NULL THEN format('column %s was dropped', a.column_name)
        ELSE format('column %s was renamed to %s', a.column_name, n.attname)
    END, CASE
        WHEN n.attname IS NULL THEN format('SELECT gapless.detach_gapless(%L, %L);', a.table_name, a.column_name)
        ELSE format('ALTER TABLE %s RENAME COLUMN %I TO %I;', a.table_name, n.attname, a.column_name)
    END
    FROM attachment AS a
    LEFT JOIN pg_catalog.pg_attribute AS n ON n.attrelid = a.relation AND n.attnum = a.attnum AND NOT n.attisdropped
    WHERE n.attname <> a.column_name OR NOT EXISTS (
        SELECT FROM pg_catalog.pg_attribute AS o WHERE o.attrelid = a.relation AND o.attname = a.column_name AND o.attnum > 0 AND NOT o.attisdropped
    )
    UNION ALL
    SELECT a.relation, a.column_name, format('column %I of table %s, whose series it shares, is not attached', a.head_column, a.head::regclass),
        format('Attach that column again, with the arguments that it had: SELECT gapless.attach_gapless(%L, %L, <its arguments>);', a.head::regclass, a.head_column)
    FROM attachment AS a
    WHERE a.head IS NOT NULL AND a.head_column IS NOT NULL AND NOT EXISTS (SELECT FROM attachment AS h WHERE h.relation = a.head AND h.column_name = a.head_column AND h.stem IS NOT NULL)
    UNION ALL
    -- The function of the name has the columns that are read as its parameters.
    SELECT a.relation, a.column_name, format('column %s, which the expressions read, was renamed to %s', s.proargnames[n.i], n.attname),
        format('ALTER TABLE %s RENAME COLUMN %s TO %I;', a.table_name, quote_ident(n.attname), s.proargnames[n.i])
    FROM attachment AS a
    JOIN pg_catalog.pg_proc AS s ON s.pronamespace = a.schema AND s.proowner = a.maker AND s.proname = a.stem || '_series'
    CROSS JOIN LATERAL (
        SELECT c.attname, row_number() OVER (ORDER BY c.attnum) AS i
        FROM gapless.guard AS g
        JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_trigger'::regclass AND d.objid = g.trigger
            AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = g.relation
        JOIN pg_catalog.pg_attribute AS c ON c.attrelid = g.relation AND c.attnum = d.refobjsubid
        WHERE g.relation = a.relation AND g.column_name = a.column_name AND g.purpose = 'update' AND c.attnum > 0 AND c.attnum <> a.attnum
    ) AS n
    WHERE s.proargnames[n.i] <> n.attname
)
SELECT f.relation, f.column_name, f.fault, coalesce(f.remedy, a.attach, 'Detach the column, and attach it with the arguments that it had.') AS remedy
FROM found AS f
JOIN attachment AS a ON a.relation = f.relation AND a.column_name = f.column_name;

REVOKE ALL ON TABLE gapless.fault FROM PUBLIC;

COMMENT ON VIEW gapless.fault IS
'Private. One row a fault in the guards of an attached column. Locks no table.';
COMMENT ON COLUMN gapless.fault.relation IS 'The table.';
COMMENT ON COLUMN gapless.fault.column_name IS 'The column, by the name under which it was attached.';
COMMENT ON COLUMN gapless.fault.fault IS 'What is wrong.';
COMMENT ON COLUMN gapless.fault.remedy IS 'What to do: statements, where nobody has to decide anything.';
