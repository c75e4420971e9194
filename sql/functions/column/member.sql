-- The function has the head's table as a constant, and its column as its comment: both outlive a dump and a rename.
CREATE OR REPLACE VIEW gapless.member AS
SELECT
    t.tgrelid AS relation,
    substr(t.tgname, length('~gapless_insert_') + 1)::name AS column_name,
    t.tgfoid AS function,
    d.refobjid AS head,
    obj_description(h.oid, 'pg_proc')::name AS head_column
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_proc AS f ON f.oid = t.tgfoid
JOIN pg_catalog.pg_proc AS h ON h.pronamespace = f.pronamespace AND h.proowner = f.proowner AND h.proname = f.proname || '_head' AND h.pronargs = 0
JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = h.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid = 0
WHERE t.tgparentid = 0 AND starts_with(t.tgname, '~gapless_insert_');

REVOKE ALL ON TABLE gapless.member FROM PUBLIC;

COMMENT ON VIEW gapless.member IS
'Private. One row a column that numbers itself from the series of another one (attach_gapless with series_of), which is the head.';
COMMENT ON COLUMN gapless.member.relation IS 'The table.';
COMMENT ON COLUMN gapless.member.column_name IS 'The column, by the name under which it was attached.';
COMMENT ON COLUMN gapless.member.function IS 'The function of its trigger for INSERT.';
COMMENT ON COLUMN gapless.member.head IS 'The head''s table.';
COMMENT ON COLUMN gapless.member.head_column IS 'The head''s column.';
