CREATE OR REPLACE VIEW gapless.columns AS
SELECT -- gives no row, as in gapless.sequences
    ''::text AS table_name,
    ''::text AS column_name,
    NULL::text AS name,
    NULL::bigint AS initial,
    NULL::text AS format,
    NULL::text AS condition,
    NULL::text AS chronology,
    false AS at_commit,
    NULL::text AS unnumbered,
    NULL::text AS chain,
    NULL::text AS hash_column,
    NULL::text AS previous_column,
    false AS partitioned,
    false AS guarded,
    '{}'::text[] AS faults,
    false AS moves,
    NULL::text AS series_of
FROM gapless.model
WHERE false
UNION ALL
SELECT
    a.table_name,
    a.column_name::text AS column_name,
    e.name,
    a.initial,
    e.format,
    e.condition,
    e.chronology,
    a.at_commit,
    a.unnumbered,
    e.chain,
    a.hash_column,
    a.previous_column,
    a.partitioned,
    f.faults IS NULL AS guarded,
    coalesce(f.faults, '{}') AS faults,
    a.moves IS TRUE AS moves,
    (
        SELECT format('%I.%I.%I', n.nspname, c.relname, a.head_column)
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = a.head AND a.head_column IS NOT NULL -- a comment, which may be gone
    ) AS series_of
FROM gapless.attachment AS a
LEFT JOIN LATERAL (
    SELECT
        max(obj_description(p.oid, 'pg_proc')) FILTER (WHERE p.proname = a.stem || '_series') AS name,
        max(obj_description(p.oid, 'pg_proc')) FILTER (WHERE p.proname = a.stem || '_text') AS format,
        max(obj_description(p.oid, 'pg_proc')) FILTER (WHERE p.proname = a.stem || '_due') AS condition,
        max(obj_description(p.oid, 'pg_proc')) FILTER (WHERE p.proname = a.stem || '_dated') AS chronology,
        max(obj_description(p.oid, 'pg_proc')) FILTER (WHERE p.proname = a.stem || '_chain') AS chain
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = a.schema AND p.proowner = a.maker AND p.proname IN (a.stem || '_series', a.stem || '_text', a.stem || '_due', a.stem || '_dated', a.stem || '_chain')
) AS e ON true
LEFT JOIN (
    SELECT f.relation, f.column_name, array_agg(f.fault ORDER BY f.fault) AS faults
    FROM gapless.fault AS f
    GROUP BY f.relation, f.column_name
) AS f ON f.relation = a.relation AND f.column_name = a.column_name
UNION ALL
SELECT g.relation::regclass::text, g.column_name::text, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, false, false,
    '{"Citus hides the table from this session: SET citus.override_table_visibility = off; DISCARD PLANS;"}', false, NULL
FROM gapless.guard AS g
WHERE g.purpose = 'insert' AND NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = g.relation);

REVOKE ALL ON TABLE gapless.columns FROM PUBLIC;

COMMENT ON VIEW gapless.columns IS
'One row an attached column: how it is numbered, and whether what attach_gapless made is whole. Takes no lock on a table.';
COMMENT ON COLUMN gapless.columns.table_name IS 'The table, as schema.table.';
COMMENT ON COLUMN gapless.columns.column_name IS 'The column that numbers itself, by the name under which it was attached.';
COMMENT ON COLUMN gapless.columns.name IS 'The expression for the name of a row''s sequence, as it was given to attach_gapless; NULL where that is gone.';
COMMENT ON COLUMN gapless.columns.initial IS 'The first number of a sequence.';
COMMENT ON COLUMN gapless.columns.format IS 'The expression for the text of a number, or NULL.';
COMMENT ON COLUMN gapless.columns.condition IS 'The expression that says whether a row is to be numbered, or NULL.';
COMMENT ON COLUMN gapless.columns.chronology IS 'The expression for a row''s date, or NULL.';
COMMENT ON COLUMN gapless.columns.at_commit IS 'Whether rows are numbered when their transaction commits.';
COMMENT ON COLUMN gapless.columns.unnumbered IS 'The text that means that a row has no number yet, or NULL.';
COMMENT ON COLUMN gapless.columns.chain IS 'The expression for a row''s hash, or NULL.';
COMMENT ON COLUMN gapless.columns.hash_column IS 'The column that gets a row''s hash; NULL without chain.';
COMMENT ON COLUMN gapless.columns.previous_column IS 'The column that gets the hash of the row before it; NULL without chain.';
COMMENT ON COLUMN gapless.columns.partitioned IS 'Whether the table is partitioned.';
COMMENT ON COLUMN gapless.columns.guarded IS 'Whether all guards are there and enabled, and still fit the table: there are no faults.';
COMMENT ON COLUMN gapless.columns.moves IS 'Whether an UPDATE may take a row to another sequence.';
COMMENT ON COLUMN gapless.columns.faults IS 'What is wrong with the guards, one text each. attach_gapless, repeated, mends most of it.';
COMMENT ON COLUMN gapless.columns.series_of IS 'The attached column whose series it shares, as schema.table.column, or NULL.';
