-- What the newest migration left, compared with what is there. doctor_installed, at the end of the install, notes it.
CREATE OR REPLACE VIEW gapless.doctor_object AS
-- The mark is of what makes it what it is, in words that all releases of PostgreSQL have in common.
SELECT o.kind, o.name, encode(sha256(convert_to(o.made_of, 'UTF8')), 'hex') AS mark
FROM (
    SELECT
        CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind,
        format('gapless.%I', c.relname) AS name,
        (
            SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef), ', ' ORDER BY a.attnum)
            FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        ) AS made_of
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = 'gapless'::regnamespace AND c.relkind IN ('r', 'v')
    UNION ALL
    SELECT 'constraint', format('%I ON gapless.%I', t.conname, c.relname), t.convalidated::text
    FROM pg_catalog.pg_constraint AS t
    JOIN pg_catalog.pg_class AS c ON c.oid = t.conrelid
    WHERE c.relnamespace = 'gapless'::regnamespace AND t.contype = 'c'
    UNION ALL
    SELECT 'index', format('gapless.%I', c.relname), concat_ws(' ', i.indrelid::regclass, i.indisunique, i.indisprimary, i.indisvalid, i.indpred IS NOT NULL, (
        SELECT string_agg(a.attname, ', ' ORDER BY k.i)
        FROM unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, i)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    ))
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
    WHERE c.relnamespace = 'gapless'::regnamespace
    UNION ALL
    SELECT 'trigger', format('%I ON gapless.%I', t.tgname, c.relname), concat_ws(' ', p.proname, t.tgtype)
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid AND c.relnamespace = 'gapless'::regnamespace
    JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
    WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'type', format('gapless.%I', t.typname), (SELECT string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid)
    FROM pg_catalog.pg_type AS t
    WHERE t.typnamespace = 'gapless'::regnamespace AND t.typtype = 'e'
    UNION ALL
    SELECT
        'function',
        format('gapless.%I(%s)', p.proname, (SELECT string_agg(format_type(u.type, NULL), ', ' ORDER BY u.i) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS u (type, i))),
        concat_ws(' ', format_type(p.prorettype, NULL), p.proretset, p.prosecdef, p.provolatile, p.proisstrict, p.proargnames, p.proconfig, p.prosrc)
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'gapless'::regnamespace AND p.proname <> 'guard_partitions_of_command'
) AS o;

REVOKE ALL ON TABLE gapless.doctor_object FROM PUBLIC;

COMMENT ON VIEW gapless.doctor_object IS
'Private, for gapless.doctor. One row an object of the schema that an install makes, as it is now.';
COMMENT ON COLUMN gapless.doctor_object.kind IS '''table'', ''view'', ''constraint'', ''index'', ''trigger'', ''type'' or ''function''.';
COMMENT ON COLUMN gapless.doctor_object.name IS 'Its name, as statements have it.';
COMMENT ON COLUMN gapless.doctor_object.mark IS 'A SHA-256 of what makes it what it is.';

-- A first text, which doctor_installed replaces when all is there.
CREATE OR REPLACE VIEW gapless.doctor_installed AS
SELECT ''::text AS kind, ''::text AS name, ''::text AS mark
WHERE false;

REVOKE ALL ON TABLE gapless.doctor_installed FROM PUBLIC;

-- Reads the catalogs alone, so that it can be read where a table is another role's.
CREATE OR REPLACE VIEW gapless.doctor_installation AS
WITH present AS MATERIALIZED (
    SELECT o.kind, o.name, o.mark FROM gapless.doctor_object AS o
), owned AS (
    SELECT
        'FUNCTION' AS kind,
        p.oid::regprocedure::text AS name,
        p.proowner AS owner
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'gapless'::regnamespace AND p.proname <> 'guard_partitions_of_command'
    UNION ALL
    SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::regclass::text, c.relowner
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = 'gapless'::regnamespace AND c.relkind IN ('r', 'v')
), again (remedy) AS (
    SELECT CASE
        WHEN EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname = 'gapless')
            THEN 'Make it again, as the owner of schema gapless, by its statement in what `gapless migrate print --definitions` prints.'
        ELSE 'Have the functions made again, as the owner of schema gapless: DROP FUNCTION IF EXISTS gapless.version_gapless() CASCADE; and then `gapless migrate up`, or sql/gapless.sql.'
    END
)
-- object_missing
SELECT
    'object_missing' AS finding,
    'critical' AS severity,
    format('%s %s', i.kind, i.name) AS object,
    format('%s %s was installed, and is not there any more', i.kind, i.name) AS message,
    CASE
        WHEN i.kind IN ('function', 'trigger', 'view') THEN 'Have it made again, as the owner of schema gapless: `gapless migrate up`, or sql/gapless.sql. Then grant again what roles had.'
        WHEN i.kind IN ('constraint', 'index') THEN 'Make the ' || i.kind || ' again, by its statement in what `gapless migrate print --definitions` prints, as the owner of schema gapless.'
        ELSE 'Restore it from a backup: its rows are gone. Then run an audit.'
    END AS remedy
FROM gapless.doctor_installed AS i
WHERE NOT EXISTS (SELECT FROM present AS o WHERE o.kind = i.kind AND o.name = i.name)
UNION ALL
-- object_changed
SELECT
    'object_changed',
    'critical',
    format('%s %s', i.kind, i.name),
    format('%s %s is not what was installed', i.kind, i.name),
    CASE WHEN i.kind IN ('function', 'trigger') THEN again.remedy ELSE 'Compare it with what `gapless migrate print --definitions` prints, and change it back.' END
FROM gapless.doctor_installed AS i
JOIN present AS o ON o.kind = i.kind AND o.name = i.name AND o.mark <> i.mark
CROSS JOIN again
UNION ALL
-- object_foreign
SELECT
    'object_foreign',
    'critical',
    format('function %s', o.name),
    format('function %s is not of gapless, and has the name of one that is: calls of that may be ambiguous, and an upgrade may fail', o.name),
    format('DROP FUNCTION %s;', o.name)
FROM present AS o
WHERE o.kind = 'function'
    AND NOT EXISTS (SELECT FROM gapless.doctor_installed AS i WHERE i.kind = 'function' AND i.name = o.name)
    AND EXISTS (SELECT FROM gapless.doctor_installed AS i WHERE i.kind = 'function' AND split_part(i.name, '(', 1) = split_part(o.name, '(', 1))
UNION ALL
-- owner_differs
SELECT
    'owner_differs',
    'critical',
    o.name,
    format('%s belongs to role %I, and schema gapless to role %I', o.name, pg_get_userbyid(o.owner), pg_get_userbyid(n.nspowner)),
    format('ALTER %s %s OWNER TO %I;', o.kind, o.name, pg_get_userbyid(n.nspowner))
FROM owned AS o
JOIN pg_catalog.pg_namespace AS n ON n.nspname = 'gapless' AND n.nspowner <> o.owner
UNION ALL
-- trigger_off
SELECT
    'trigger_off',
    'critical',
    format('%s.%I', t.tgrelid::regclass, t.tgname),
    format('trigger %I of table %s is not enabled', t.tgname, t.tgrelid::regclass),
    format('ALTER TABLE %s ENABLE TRIGGER %I;', t.tgrelid::regclass, t.tgname)
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid AND c.relnamespace = 'gapless'::regnamespace
WHERE NOT t.tgisinternal AND t.tgenabled NOT IN ('O', 'A');

REVOKE ALL ON TABLE gapless.doctor_installation FROM PUBLIC;

COMMENT ON VIEW gapless.doctor_installation IS
'Private, for gapless.doctor. What of the installed objects is missing, changed, another role''s or switched off.';
COMMENT ON COLUMN gapless.doctor_installation.finding IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_installation.severity IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_installation.object IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_installation.message IS 'As in gapless.doctor.';
COMMENT ON COLUMN gapless.doctor_installation.remedy IS 'As in gapless.doctor.';
