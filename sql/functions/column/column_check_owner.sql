-- Of the triggers, some may be gone already.
CREATE OR REPLACE FUNCTION gapless.column_check_owner(
    target        regclass,
    target_column name
) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    owners record;
BEGIN
    SELECT t.tgfoid::regproc AS function, pg_get_userbyid(p.proowner) AS of_function, pg_get_userbyid(c.relowner) AS of_table
    INTO owners
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
    JOIN pg_catalog.pg_proc AS p
        ON p.oid = t.tgfoid AND p.prosecdef
    WHERE t.tgrelid = target
        AND t.tgname IN (SELECT ('~gapless_' || w.purpose || '_' || target_column)::name FROM unnest('{insert,draft,update,enter,issue,delete,note,commit,confirm}'::text[]) AS w (purpose))
        AND octet_length(target_column) <= 42
    ORDER BY p.proowner = c.relowner, t.tgname <> ('~gapless_insert_' || target_column)::name
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN false;
    ELSIF owners.of_function <> owners.of_table THEN
        RAISE EXCEPTION 'column "%" of table % cannot be detached: its table belongs to role %, and its functions to %', target_column, target, owners.of_table, owners.of_function
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = (SELECT string_agg(format('ALTER FUNCTION %s OWNER TO %I;', f.oid::regprocedure, owners.of_table), ' ' ORDER BY f.oid) FROM gapless.column_functions(owners.function) AS f (oid)),
                SCHEMA = 'gapless', CONSTRAINT = 'detach_owner';
    END IF;
    RETURN true;
END;
$function$;

COMMENT ON FUNCTION gapless.column_check_owner IS
'Private, for attach_gapless and detach_gapless. Whether the column has triggers that attach_gapless made. Raises 55000 where their functions are not the table''s owner''s.';

REVOKE ALL ON FUNCTION gapless.column_check_owner FROM PUBLIC;
