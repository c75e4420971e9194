-- What attach_gapless noted tells whether it is the same, also where a function is gone. White space around an expression
-- makes no other one.
CREATE OR REPLACE FUNCTION gapless.column_is_attached(
    target        regclass,
    target_column name,
    definition    text,   -- NULL: not known yet, since nothing is locked, and nothing is to be mended
    schemas       name[], -- where series_of is looked for without its schema
    asked         jsonb   -- the arguments of attach_gapless, by their names
) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    noted text;
    compared record;
BEGIN
    SELECT coalesce(substring(obj_description(t.tgfoid, 'pg_proc') FROM ', (name => .*)\)$'), 'unknown')
    INTO noted
    FROM pg_catalog.pg_trigger AS t
    WHERE t.tgrelid = target AND t.tgname = ('~gapless_insert_' || target_column)::name;
    SELECT c.faults, c.differs INTO compared FROM gapless.column_compare(target, target_column, schemas, asked) AS c;
    IF definition IS NULL AND compared.faults <> '{}' THEN
        RAISE EXCEPTION 'column "%" of table % is attached, but its guards are not whole', target_column, target
            USING ERRCODE = 'object_not_in_prerequisite_state',
                DETAIL = format('The view gapless.columns says: %s.', array_to_string(compared.faults, '; ')),
                HINT = 'The same call without ensure mends most of it. It locks the table, against readers, too.',
                CONSTRAINT = 'attach_guards',
                TABLE = (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = target), COLUMN = target_column,
                SCHEMA = (SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = target);
    ELSIF (CASE WHEN definition IS NULL THEN compared.differs IS NOT NULL ELSE noted <> definition AND (compared.differs IS NULL AND compared.faults = '{}') IS NOT TRUE END) THEN
        RAISE EXCEPTION 'column "%" of table % is attached already, with another definition', target_column, target
            USING ERRCODE = 'duplicate_object',
                DETAIL = coalesce(CASE WHEN compared.faults = '{}' THEN compared.differs || '.' END, format('It is attached with %s, and not with %s.', noted, definition)),
                HINT = 'To attach it otherwise, detach it first: gapless.detach_gapless. In one transaction, no row comes between.',
                TABLE = (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = target), COLUMN = target_column,
                SCHEMA = (SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = target),
                CONSTRAINT = 'gapless_attached';
    END IF;
    RETURN (compared.faults = '{}') IS TRUE;
END;
$function$;

COMMENT ON FUNCTION gapless.column_is_attached IS
'Private, for attach_gapless. Whether a column is attached by this very definition, and its guards are whole. Raises 42710 where it is by another, and says in what; 55000 where its guards are not whole, and are not to be mended.';

REVOKE ALL ON FUNCTION gapless.column_is_attached FROM PUBLIC;
