-- It is long because it is the list of what the two columns may not be, each with its message.
CREATE OR REPLACE FUNCTION gapless.column_check_chain(
    target          regclass,
    target_column   name,
    hash_column     name,
    previous_column name,
    later           boolean -- rows may be without a number for a while
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    given record;
    fault text;
    hint  text;
BEGIN
    FOR given IN
        SELECT v.parameter, v.name, a.attnum, a.atttypid::regtype AS type, a.attnotnull, a.atthasdef OR a.attgenerated <> '' AS made
        FROM (VALUES ('hash_column', hash_column), ('previous_column', previous_column)) AS v (parameter, name)
        LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = target AND a.attname = v.name AND a.attnum > 0 AND NOT a.attisdropped
    LOOP
        IF given.attnum IS NULL THEN
            RAISE EXCEPTION 'table % has no column "%" for its chain', target, given.name
                USING ERRCODE = 'undefined_column', HINT = format('ALTER TABLE %s ADD COLUMN %I bytea; or name another one, as %s.', target, given.name, given.parameter),
                    SCHEMA = (SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = target),
                    TABLE = (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = target), COLUMN = given.name, CONSTRAINT = 'attach_chain';
        END IF;
        CASE
            WHEN given.type <> 'bytea'::regtype THEN
                fault := format('it is of type %s', given.type);
                hint := 'It has to be bytea.';
            WHEN given.made THEN
                fault := 'it has a default, or is generated';
                hint := format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT;', target, given.name);
            WHEN given.attnotnull AND (later OR given.parameter = 'previous_column') THEN
                fault := 'it is NOT NULL, and rows would be without it';
                hint := format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL;', target, given.name);
            WHEN hash_column = previous_column THEN
                fault := 'it is to have both hashes';
                hint := 'Name two columns: hash_column and previous_column.';
            WHEN EXISTS (
                SELECT
                FROM gapless.guard AS g
                JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_trigger'::regclass AND d.objid = g.trigger
                    AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = target
                WHERE g.relation = target AND g.column_name <> target_column AND d.refobjsubid = given.attnum
            ) THEN
                fault := 'another column that numbers itself reads it';
                hint := 'Each chain has two columns of its own.';
            ELSE
                CONTINUE;
        END CASE;
        RAISE EXCEPTION 'column "%" of table % cannot be of the chain: %', given.name, target, fault
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = hint,
                SCHEMA = (SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = target),
                TABLE = (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = target), COLUMN = given.name, CONSTRAINT = 'attach_chain';
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.column_check_chain IS
'Private, for attach_gapless. Raises 42703 and 55000 for columns that cannot have the hashes of a chain.';

REVOKE ALL ON FUNCTION gapless.column_check_chain FROM PUBLIC;
