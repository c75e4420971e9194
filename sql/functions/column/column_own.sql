-- Default privileges may have given the functions away. An extension that is dropped takes the functions of its columns with it, and not
-- their triggers: so DROP EXTENSION is refused while there is one, unless it is CASCADE.
CREATE OR REPLACE FUNCTION gapless.column_own(
    target        regclass,
    target_column name,
    schema        name,
    stem          text,
    definition    text
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    owner     CONSTANT name := (SELECT pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class AS c WHERE c.oid = target);
    installer CONSTANT name := (SELECT pg_get_userbyid(p.proowner) FROM pg_catalog.pg_proc AS p WHERE p.oid = 'gapless.next_gapless'::regproc);
    extension CONSTANT boolean := EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname = 'gapless');
    made      record;
    given     text;
BEGIN
    SELECT format('function %s of role %I', p.oid::regprocedure, pg_get_userbyid(p.proowner))
    INTO given
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = schema)
        AND (p.proname = stem OR starts_with(p.proname, stem || '_'))
        AND pg_get_userbyid(p.proowner) NOT IN (owner, current_user)
    ORDER BY p.oid
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" of table % cannot number itself: % has a name of those that number it', target_column, target, given
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('Drop or rename it. A role that may create in schema %I can do so again.', schema),
                SCHEMA = 'gapless', CONSTRAINT = 'attach_function';
    END IF;
    FOR made IN
        SELECT p.oid::regprocedure AS signature, p.oid, p.proname
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = schema)
            AND (p.proname = stem OR starts_with(p.proname, stem || '_'))
    LOOP
        IF extension THEN
            EXECUTE format('ALTER FUNCTION %s DEPENDS ON EXTENSION gapless', made.signature);
        END IF;
        IF owner <> current_user THEN
            EXECUTE format('ALTER FUNCTION %s OWNER TO %I', made.signature, owner);
        END IF;
        FOR given IN
            SELECT DISTINCT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END
            FROM pg_catalog.pg_proc AS p
            CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS acl
            WHERE p.oid = made.oid AND acl.grantee <> p.proowner
        LOOP
            EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', made.signature, given);
        END LOOP;
        IF made.proname <> ALL (ARRAY[stem || '_series', stem || '_due', stem || '_dated', stem || '_text', stem || '_chain', stem || '_head']) THEN -- whose comments are the expressions
            EXECUTE format('COMMENT ON FUNCTION %s IS %L', made.signature, CASE made.proname
                WHEN stem THEN format('Numbers %s.%I. Made by: SELECT gapless.attach_gapless(%L, %L, %s)', target, target_column, target, target_column, definition)
                ELSE format('Of %s.%I, by gapless.attach_gapless.', target, target_column)
            END);
        END IF;
        IF made.proname IN (stem || '_number', stem || '_assign', stem || '_single', stem || '_finish', stem || '_key') THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', made.signature); -- with the caller's rights; and what anybody may make happen sooner
        ELSIF made.proname IN (stem || '_rows', stem || '_links', stem || '_prints') THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', made.signature, installer); -- trap: the functions stay the table owner's
        END IF;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.column_own IS
'Private, for attach_gapless. Gives a column''s functions to the table''s owner, and to nobody else.';

REVOKE ALL ON FUNCTION gapless.column_own FROM PUBLIC;
