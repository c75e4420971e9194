-- The owner can have put anything in its place, and another session can have altered it since the snapshot, which
-- pg_get_functiondef does not look at.
CREATE OR REPLACE FUNCTION gapless.audit_reader(
    reader   oid,
    relation oid
) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $function$
DECLARE
    called text;
BEGIN
    SELECT format('%I.%I', n.nspname, p.proname)
    INTO called
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_class AS c ON c.oid = relation AND c.relowner = p.proowner
    WHERE p.oid = reader;
    IF starts_with(
        pg_get_functiondef(reader),
        'CREATE OR REPLACE FUNCTION ' || called || e'(names text[] DEFAULT NULL::text[], keyed boolean DEFAULT false, seed bigint DEFAULT NULL::bigint)\n'
            || e' RETURNS SETOF record\n LANGUAGE plpgsql\n STABLE SECURITY DEFINER'
    ) THEN
        RETURN called;
    END IF;
    RAISE EXCEPTION 'function %() is not the one that gapless.attach_gapless made', coalesce(called, reader::regproc::text)
        USING ERRCODE = 'insufficient_privilege', HINT = 'Detach the column and attach it again.', SCHEMA = 'gapless';
END;
$function$;

COMMENT ON FUNCTION gapless.audit_reader IS
'Private, for the audit. The name by which a column''s function is called, if it still is one of the kind that attach_gapless makes, and runs with the rights of the table''s owner; else raises 42501.';

REVOKE ALL ON FUNCTION gapless.audit_reader FROM PUBLIC;
