-- Held until the transaction ends: nobody detaches the head meanwhile. The lock is no table's, since the caller may have
-- no right to lock the head's.
CREATE OR REPLACE FUNCTION gapless.column_head(
    target        regclass,
    target_column name,
    series_of     text,   -- a column, as schema.table.column
    schemas       name[], -- where it is looked for without its schema
    initial       bigint,
    dated         boolean,
    at_commit     boolean,
    chained       boolean,
    OUT relation    regclass, -- the head: that column, or the one whose series it shares
    OUT column_name name,
    OUT label       text,     -- its name, as schema.table.column
    OUT name        text      -- its expression; NULL where the table is another owner's
) RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    shown    CONSTANT text := left(series_of, 100);
    owner    CONSTANT name := (SELECT pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class AS c WHERE c.oid = target);
    attached record;
    fault    text;
    hint     text := 'The view gapless.columns shows the columns that are attached.';
    code     text := 'object_not_in_prerequisite_state';
BEGIN
    SELECT s.relation, s.column_name INTO relation, column_name FROM gapless.column_series_of(series_of, schemas) AS s;
    PERFORM gapless.column_lock_head(relation, column_name) WHERE relation IS NOT NULL;
    SELECT t.*, EXISTS (
        SELECT FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = t.schema AND p.proowner = t.maker AND p.proname = t.stem || '_dated' AND obj_description(p.oid, 'pg_proc') <> ''
    ) AS dated, (
        SELECT obj_description(p.oid, 'pg_proc') FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = t.schema AND p.proowner = t.maker AND p.proname = t.stem || '_series' LIMIT 1
    ) AS name
    INTO attached
    FROM gapless.attachment AS t
    WHERE t.relation = column_head.relation AND t.column_name = column_head.column_name AND t.stem IS NOT NULL;
    IF NOT FOUND THEN
        code := 'undefined_object';
        fault := format('there is no attached column "%s"', shown);
        hint := 'Give an attached column as schema.table.column. ' || hint;
    ELSIF relation = target OR EXISTS (
        SELECT FROM gapless.column_others(relation, column_name) AS o WHERE o.relation = target AND o.column_name <> target_column
    ) THEN
        code := 'invalid_parameter_value';
        fault := 'it is a column of that table, or shared by one: a row has one number of a series';
        hint := 'Leave series_of out, and let the expression name give another name.';
    ELSIF NOT has_column_privilege(owner, relation, column_name, 'REFERENCES') THEN
        code := 'insufficient_privilege';
        fault := format('role %I, which owns the table, has no right to %s', owner, shown);
        hint := format('As the owner of that table: GRANT REFERENCES (%I) ON %s TO %I', column_name, relation, owner);
    ELSIF attached.at_commit <> at_commit THEN
        fault := format('column %s numbers its rows %s: in one transaction they would wait for each other', shown, CASE WHEN attached.at_commit THEN 'at commit' ELSE 'early' END);
        hint := format('Attach it with at_commit => %s, too.', attached.at_commit::text);
    ELSIF attached.initial <> initial THEN
        fault := format('column %s begins with %s', shown, attached.initial);
        hint := format('Attach it with initial => %s, too.', attached.initial);
    ELSIF attached.dated <> dated THEN
        fault := format('column %s has %s chronology', shown, CASE WHEN attached.dated THEN 'a' ELSE 'no' END);
        hint := 'Give chronology for all columns that share a series, or for none.';
    ELSIF chained OR attached.hash_column IS NOT NULL THEN
        fault := 'a chain is of one table';
        hint := 'Leave chain out, of both columns.';
    END IF;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'column "%" of table % cannot number itself from the series of %', target_column, target, shown
            USING ERRCODE = code, DETAIL = upper(left(fault, 1)) || substr(fault, 2) || '.', HINT = hint, CONSTRAINT = 'attach_series_of', COLUMN = target_column,
                SCHEMA = (SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = target),
                TABLE = (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = target);
    END IF;
    label := attached.table_name || '.' || quote_ident(column_name);
    name := CASE WHEN pg_get_userbyid(attached.owner) = owner THEN attached.name END; -- another owner's expression would run with this one's rights
END;
$function$;

COMMENT ON FUNCTION gapless.column_head IS
'Private, for attach_gapless. The attached column whose series another one is to share. Locks it, by an advisory lock, until the transaction ends. Raises 42704 where it is not attached, 42501 where the table''s owner has no REFERENCES on it, 55000 where it numbers otherwise, 22023 where it is a column of the same table.';

REVOKE ALL ON FUNCTION gapless.column_head FROM PUBLIC;
