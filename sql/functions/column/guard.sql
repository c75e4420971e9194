-- What attach_gapless has made tells what is attached: triggers and functions by their names, arguments by the comments of
-- functions. So a dump has it all. A comment is its owner's to change: nothing is cast that may not be what it was.
CREATE OR REPLACE VIEW gapless.guard AS
SELECT
    t.tgrelid AS relation,
    substr(t.tgname, length('~gapless__') + length(split_part(t.tgname, '_', 2)) + 1)::name AS column_name,
    split_part(t.tgname, '_', 2) AS purpose,
    t.oid AS trigger,
    t.tgfoid AS function
FROM pg_catalog.pg_trigger AS t
WHERE t.tgparentid = 0
    AND starts_with(t.tgname, '~gapless_')
    AND split_part(t.tgname, '_', 2) IN ('insert', 'draft', 'update', 'enter', 'issue', 'note', 'commit', 'confirm', 'leave', 'delete');

REVOKE ALL ON TABLE gapless.guard FROM PUBLIC;

COMMENT ON VIEW gapless.guard IS
'Private. One row a trigger that a column has only as long as it is attached. Others a partition has for itself, and keeps when it is detached.';
COMMENT ON COLUMN gapless.guard.relation IS 'The table.';
COMMENT ON COLUMN gapless.guard.column_name IS 'The column, by the name under which it was attached.';
COMMENT ON COLUMN gapless.guard.purpose IS 'What the trigger is for.';
COMMENT ON COLUMN gapless.guard.trigger IS 'The trigger.';
COMMENT ON COLUMN gapless.guard.function IS 'Its function.';
