-- Runs last, when all is there: a view of constants, so that a dump has it, and nobody can empty it.
DO $do$
BEGIN
    EXECUTE 'CREATE OR REPLACE VIEW gapless.doctor_installed (kind, name, mark) AS VALUES ' || (
        SELECT string_agg(format('(%L::text, %L::text, %L::text)', o.kind, o.name, o.mark), ', ' ORDER BY o.kind COLLATE "C", o.name COLLATE "C")
        FROM gapless.doctor_object AS o
    );
END;
$do$;

COMMENT ON VIEW gapless.doctor_installed IS
'Private, for gapless.doctor. One row an object of the schema, as the newest migration left it.';
COMMENT ON COLUMN gapless.doctor_installed.kind IS 'As in gapless.doctor_object.';
COMMENT ON COLUMN gapless.doctor_installed.name IS 'As in gapless.doctor_object.';
COMMENT ON COLUMN gapless.doctor_installed.mark IS 'As in gapless.doctor_object.';

REVOKE ALL ON TABLE gapless.doctor_installed FROM PUBLIC;
