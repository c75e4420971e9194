-- A table's name goes with it; the functions of its column stay, and the newest number of a series has their mark.
CREATE OR REPLACE VIEW gapless.dropped AS
WITH gone AS (
    SELECT s.name, s.target::oid AS relation, s.target_column AS column_name
    FROM gapless.sequence_lock AS s
    WHERE s.target IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = s.target AND a.attnum = -1) -- ctid; of pg_class, Citus hides rows
), titled AS (
    SELECT g.relation, g.column_name, (
        SELECT substring(obj_description(f.oid, 'pg_proc') FROM '^Numbers (.*?)[.] Made by: ')
        FROM (SELECT j.attachment FROM gapless.journal AS j WHERE j.name = min(g.name) ORDER BY j.ordinal DESC LIMIT 1) AS newest
        JOIN pg_catalog.pg_proc AS u ON u.proname LIKE e'%\\_update'
            AND div(substring(u.prosrc FROM 'gapless[.](?:column_note|commit_done)_([0-9]+)')::numeric, 65536) = abs(newest.attachment) >> 16
        JOIN pg_catalog.pg_proc AS f ON f.pronamespace = u.pronamespace AND f.proowner = u.proowner AND f.proname = left(u.proname, -length('_update'))
        LIMIT 1
    ) AS title
    FROM gone AS g
    GROUP BY g.relation, g.column_name
)
SELECT
    g.name,
    g.relation,
    g.column_name,
    coalesce(t.title, substring(obj_description(to_regproc(h.function)::oid, 'pg_proc') FROM '^Numbers (.*?)[.] Made by: ')) AS title,
    h.shard
FROM gone AS g
JOIN titled AS t ON t.relation = g.relation AND t.column_name = g.column_name
LEFT JOIN gapless.shard AS h ON h.relation = g.relation AND h.column_name = g.column_name;

REVOKE ALL ON TABLE gapless.dropped FROM PUBLIC;

COMMENT ON VIEW gapless.dropped IS
'Private. One row a sequence of a column whose table was dropped, which nobody had detached.';
COMMENT ON COLUMN gapless.dropped.name IS 'The sequence.';
COMMENT ON COLUMN gapless.dropped.relation IS 'The OID that the table had.';
COMMENT ON COLUMN gapless.dropped.column_name IS 'The column.';
COMMENT ON COLUMN gapless.dropped.title IS 'Both, as schema.table.column, by the names of when it was attached; NULL where the column''s functions are gone, or other ones issued the newest number.';
COMMENT ON COLUMN gapless.dropped.shard IS 'Where Citus is, the number of the shard that the table was: it was moved, split or dropped. Else NULL.';
