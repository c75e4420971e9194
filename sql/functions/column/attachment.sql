CREATE OR REPLACE VIEW gapless.attachment AS
WITH guard AS MATERIALIZED (
    SELECT * FROM gapless.guard
), attached AS (
    SELECT g.relation, g.column_name FROM guard AS g
    UNION
    SELECT s.target, s.target_column
    FROM gapless.sequence_lock AS s
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = s.target AND a.attname = s.target_column AND a.attnum > 0 AND NOT a.attisdropped
), made AS (
    SELECT DISTINCT ON (g.relation, g.column_name)
        g.relation, g.column_name, p.pronamespace AS schema, p.proowner AS maker, regexp_replace(p.proname, '_(?:keep|update|arrive|issue|note|commit|confirm)$', '') AS stem
    FROM guard AS g
    JOIN pg_catalog.pg_proc AS p ON p.oid = g.function
    ORDER BY g.relation, g.column_name, g.purpose <> 'insert', g.trigger
), place AS (
    SELECT g.relation, g.column_name, coalesce(min(d.refobjsubid) FILTER (WHERE g.purpose <> 'issue'), min(d.refobjsubid))::smallint AS attnum -- with moves, issue reads others
    FROM guard AS g
    JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_trigger'::regclass AND d.objid = g.trigger
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = g.relation AND d.refobjsubid > 0
    WHERE g.purpose IN ('delete', 'issue', 'commit', 'confirm')
    GROUP BY g.relation, g.column_name
)
SELECT
    a.relation,
    a.column_name,
    p.attnum,
    format('%I.%I', s.nspname, c.relname) AS table_name,
    c.relowner AS owner,
    m.schema,
    m.stem,
    n.noted,
    c.relkind = 'p' AS partitioned,
    right(n.head, 15) = ', moves => true' AS moves,
    CASE WHEN n.noted IS NOT NULL THEN starts_with(n.tail, 'true') ELSE EXISTS (
        SELECT FROM pg_catalog.pg_proc AS c WHERE c.pronamespace = m.schema AND c.proowner = m.maker AND c.proname = m.stem || '_commit'
    ) END AS at_commit,
    CASE WHEN n.initial::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN n.initial::bigint END AS initial,
    CASE
        WHEN starts_with(n.literal, 'E') THEN replace(replace(substring(n.literal FROM '^E''(.*)''$'), '''''', ''''), $$\\$$, $$\$$)
        ELSE replace(substring(n.literal FROM '^''(.*)''$'), '''''', '''')
    END AS unnumbered,
    replace(substring(n.chain FROM ', hash_column => ''((?:[^'']|'''')*)'''), '''''', '''') AS hash_column,
    replace(substring(n.chain FROM ', previous_column => ''((?:[^'']|'''')*)''$'), '''''', '''') AS previous_column,
    h.head,
    h.head_column,
    format('SELECT gapless.attach_gapless(%L, %L, ', format('%I.%I', s.nspname, c.relname), a.column_name) || n.arguments || ';' AS attach,
    m.maker
FROM attached AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.relation AND NOT c.relispartition
JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
LEFT JOIN made AS m ON m.relation = a.relation AND m.column_name = a.column_name
LEFT JOIN place AS p ON p.relation = a.relation AND p.column_name = a.column_name
LEFT JOIN gapless.member AS h ON h.relation = a.relation AND h.column_name = a.column_name
LEFT JOIN LATERAL (
    -- ..., at_commit => false, initial => 1, unnumbered => NULL), or with , hash_column => 'hash', previous_column => 'previous_hash'
    SELECT
        d.noted,
        substr(d.noted, nullif(strpos(d.noted, ', name => '), 0) + 2) AS arguments,
        substring(t.tail FROM '^(?:true|false), initial => (-?[0-9]{1,19}), unnumbered => ') AS initial,
        t.tail,
        left(d.noted, -length(', at_commit => ' || t.tail)) AS head,
        substring(t.tail FROM ', unnumbered => (NULL|E?''(?:[^'']|'''')*'')(?:, hash_column => .*)?[)]$') AS literal,
        substring(t.tail FROM '(, hash_column => ''(?:[^'']|'''')*'', previous_column => ''(?:[^'']|'''')*'')[)]$') AS chain
    FROM pg_catalog.pg_proc AS p
    CROSS JOIN LATERAL obj_description(p.oid, 'pg_proc') AS d (noted)
    CROSS JOIN LATERAL split_part(d.noted, ', at_commit => ', -1) AS t (tail)
    WHERE p.pronamespace = m.schema AND p.proowner = m.maker AND p.pronargs = 0 AND p.proname = m.stem
    ORDER BY p.oid
    LIMIT 1
) AS n ON true;

REVOKE ALL ON TABLE gapless.attachment FROM PUBLIC;

COMMENT ON VIEW gapless.attachment IS
'Private. One row a column that is attached, or that a trigger or a sequence takes for attached.';
COMMENT ON COLUMN gapless.attachment.relation IS 'The table.';
COMMENT ON COLUMN gapless.attachment.column_name IS 'The column, by the name under which it was attached.';
COMMENT ON COLUMN gapless.attachment.attnum IS 'The column''s number, which stays when it is renamed: these triggers read no other column in their WHEN. NULL where there is none of them.';
COMMENT ON COLUMN gapless.attachment.table_name IS 'The table''s name, qualified and quoted.';
COMMENT ON COLUMN gapless.attachment.owner IS 'The table''s owner.';
COMMENT ON COLUMN gapless.attachment.schema IS 'Where the column''s functions are; NULL where there is no trigger that tells.';
COMMENT ON COLUMN gapless.attachment.stem IS 'What their names begin with; NULL where there is no trigger that tells.';
COMMENT ON COLUMN gapless.attachment.noted IS 'The arguments of attach_gapless, as it noted them; NULL where that is gone.';
COMMENT ON COLUMN gapless.attachment.partitioned IS 'Whether the table is.';
COMMENT ON COLUMN gapless.attachment.moves IS 'The argument of attach_gapless; NULL where that is gone.';
COMMENT ON COLUMN gapless.attachment.at_commit IS 'The argument of attach_gapless.';
COMMENT ON COLUMN gapless.attachment.initial IS 'The argument of attach_gapless; NULL where that is gone.';
COMMENT ON COLUMN gapless.attachment.unnumbered IS 'The argument of attach_gapless, or NULL.';
COMMENT ON COLUMN gapless.attachment.hash_column IS 'The argument of attach_gapless; NULL without chain.';
COMMENT ON COLUMN gapless.attachment.previous_column IS 'The argument of attach_gapless; NULL without chain.';
COMMENT ON COLUMN gapless.attachment.head IS 'The table of the column whose series it shares, or NULL.';
COMMENT ON COLUMN gapless.attachment.head_column IS 'The column of head, or NULL.';
COMMENT ON COLUMN gapless.attachment.maker IS 'Who owns the column''s functions. Others may have functions by their names.';
COMMENT ON COLUMN gapless.attachment.attach IS 'The statement that attaches it again, with the same arguments and the table''s name of now; NULL where they are gone.';
