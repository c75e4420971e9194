-- The first of two deferred triggers, with the session's role and search_path. It leaves what they do not reach to the
-- other one. It sets nothing and qualifies every operator, since it fires for each row.
CREATE OR REPLACE FUNCTION gapless.model_commit() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
AS $function$
#variable_conflict use_variable
DECLARE
    assigned pg_catalog.text;
    done     CONSTANT boolean := coalesce(pg_catalog.current_setting('gapless.commit_done_0' /*done*/, true), '') OPERATOR(pg_catalog.=) 'on'; -- no note is left
    alone    boolean := done OR pg_catalog.current_setting('gapless.commit_column', true) OPERATOR(pg_catalog.=) '0' /*attachment*/; -- a trigger of a row that is being numbered has inserted it
BEGIN
    IF done AND NEW.xmax OPERATOR(pg_catalog.<>) '0'::pg_catalog.xid -- updated since
        OR NOT pg_catalog.has_schema_privilege(TG_TABLE_SCHEMA, 'USAGE')
        OR NOT (
            pg_catalog.has_table_privilege(0 /*target*/, 'UPDATE') AND pg_catalog.has_table_privilege(0 /*target*/, 'SELECT')
            OR pg_catalog.has_column_privilege(0 /*target*/, 'number', 'UPDATE')
                AND pg_catalog.has_column_privilege(0 /*target*/, 'number', 'SELECT')
                AND pg_catalog.has_column_privilege(0 /*target*/, 'tableoid', 'SELECT') -- if partitioned
                AND pg_catalog.has_column_privilege(0 /*target*/, 'ctid', 'SELECT')
        )
    THEN
        RETURN NULL;
    END IF;
    IF pg_catalog.current_setting('gapless.commit_expected', true) OPERATOR(pg_catalog.~~) ('0' /*attachment*/ OPERATOR(pg_catalog.||) '=_%') THEN -- unless partitioned
        alone := pg_catalog.set_config('gapless.commit_expected', '', true) OPERATOR(pg_catalog.=) ''; -- what triggers insert now waits for its own turn -- unless partitioned
    END IF; -- unless partitioned
    IF alone THEN
        assigned := gapless.model_single(0 /*target*/, ARRAY[ARRAY[NEW.key]::pg_catalog.text], NEW.ctid, TG_RELID);
        assigned := CASE WHEN assigned OPERATOR(pg_catalog.<>) '' -- if partitioned
            THEN pg_catalog.jsonb_build_array(pg_catalog.concat('{"', assigned, '"}'), NULL, NULL, pg_catalog.concat('{', TG_RELID, '}'))::pg_catalog.text END; -- if partitioned
    ELSE
        assigned := gapless.model_assign(0 /*target*/, ARRAY[ARRAY[NEW.key]::pg_catalog.text]);
    END IF;
    IF assigned OPERATOR(pg_catalog.<>) '' AND pg_catalog.row_security_active(0 /*target*/) THEN
        BEGIN
            PERFORM gapless.model_number(assigned);
        EXCEPTION WHEN insufficient_privilege THEN
            NULL; -- a policy
        END;
    ELSIF assigned OPERATOR(pg_catalog.<>) '' THEN
        PERFORM gapless.model_number(assigned);
    END IF;
    IF alone IS NOT TRUE THEN
        PERFORM gapless.model_finish(0 /*target*/, NULL::pg_catalog.text[]); -- what was assigned; or no row waits, and those to come need not look at all notes
    END IF;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION gapless.model_commit IS
'Private, a model for attach_gapless with at_commit: a deferred constraint trigger. Numbers all rows of the transaction that wait, as an UPDATE of the session''s, where its role may.';

REVOKE ALL ON FUNCTION gapless.model_commit FROM PUBLIC;
