-- A table that was rewritten (ALTER TABLE, TRUNCATE, PostgreSQL 19's REPACK CONCURRENTLY) looks empty to an older
-- snapshot, and nothing else tells. The snapshot's pg_class still has the old file; pg_relation_filenode has the one of
-- now. VACUUM FULL and CLUSTER change it, too, and keep what snapshots see: they cost a retry. The caller has read the
-- tables, and so locked them: they are not rewritten after this.
CREATE OR REPLACE FUNCTION gapless.check_not_rewritten(
    relations regclass[] DEFAULT NULL -- gapless' own; named below, since a dump makes functions before tables
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER -- in the caller's snapshot
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    rewritten regclass;
BEGIN
    SELECT c.oid::regclass
    INTO rewritten
    FROM pg_catalog.pg_class AS c
    WHERE c.oid = ANY (coalesce(relations, '{gapless.sequence, gapless.journal, gapless.void, gapless.known_text, gapless.decision, gapless.link, gapless.range}'::regclass[])) AND c.relfilenode <> pg_relation_filenode(c.oid)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'table % was rewritten since this transaction''s snapshot, which may have none of its rows', rewritten
            USING ERRCODE = 'serialization_failure', HINT = 'Retry the transaction.',
                SCHEMA = (SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = rewritten),
                TABLE = (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = rewritten);
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.check_not_rewritten IS
'Private. Raises 40001 if a table was rewritten since the caller''s snapshot, which then takes it for empty.';

REVOKE ALL ON FUNCTION gapless.check_not_rewritten FROM PUBLIC;
