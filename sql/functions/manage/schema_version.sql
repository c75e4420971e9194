-- What tern keeps the version in: a view, which cannot be emptied, and says what is there. Tern's own table, which it made before the
-- functions, goes.
DO $do$
BEGIN
    IF (SELECT c.relkind FROM pg_class AS c WHERE c.oid = to_regclass('gapless.schema_version')) = 'r' THEN
        DROP TABLE gapless.schema_version;
    END IF;
END;
$do$;

CREATE OR REPLACE VIEW gapless.schema_version AS
SELECT gapless.version_gapless() AS version;

CREATE OR REPLACE TRIGGER ignore INSTEAD OF INSERT OR UPDATE ON gapless.schema_version
FOR EACH ROW EXECUTE FUNCTION gapless.ignore_version();

COMMENT ON VIEW gapless.schema_version IS
'The version of the schema, where tern looks for it (version_table). Writes are ignored: each migration defines version_gapless anew.';
COMMENT ON COLUMN gapless.schema_version.version IS
'What version_gapless returns.';

COMMENT ON FUNCTION gapless.version_gapless IS
'The version of the schema: the number of the newest migration that the database has. It is a constant in the function''s body, so a dump has it, too, and whoever may not call it can read it in pg_proc.';

REVOKE ALL ON TABLE gapless.schema_version FROM PUBLIC;

REVOKE ALL ON FUNCTION gapless.version_gapless FROM PUBLIC;
