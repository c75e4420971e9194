-- A table that was rewritten (ALTER TABLE, TRUNCATE, PostgreSQL 19's REPACK CONCURRENTLY) looks empty to an older
-- snapshot, and nothing else tells. The snapshot's pg_class still has the old file; pg_relation_filenode has the one of
-- now. VACUUM FULL and CLUSTER change it, too, and keep what snapshots see: they cost a retry. The caller has read the
-- tables, and so locked them: they are not rewritten after this. A partition that was dropped has taken rows along that
-- the snapshot has: so those count, too, that the tables which are named have in the snapshot.
CREATE OR REPLACE FUNCTION gapless.check_not_rewritten(
    relations regclass[] DEFAULT NULL -- gapless' own; named below, since a dump makes functions before tables
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER -- in the caller's snapshot
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- of all tables few are asked for
AS $function$
DECLARE
    rewritten regclass;
    dropped   record;
BEGIN
    SELECT c.oid::regclass
    INTO rewritten
    FROM pg_catalog.pg_class AS c
    WHERE c.oid = ANY (coalesce(relations, '{gapless.sequence_lock, gapless.journal, gapless.void, gapless.known_text, gapless.decision, gapless.link, gapless.number_range}'::regclass[])) AND c.relfilenode <> pg_relation_filenode(c.oid)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'table % was rewritten since this transaction''s snapshot, which may have none of its rows', rewritten
            USING ERRCODE = 'serialization_failure', HINT = 'Retry the transaction.',
                SCHEMA = (SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = rewritten),
                TABLE = (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = rewritten);
    END IF;
    IF relations IS NULL THEN
        RETURN;
    END IF;
    WITH RECURSIVE tree (oid) AS (
        SELECT u.oid::oid FROM unnest(relations) AS u (oid)
        UNION
        SELECT i.inhrelid FROM tree AS t JOIN pg_catalog.pg_inherits AS i ON i.inhparent = t.oid
    )
    SELECT n.nspname, c.relname
    INTO dropped
    FROM tree AS t
    JOIN pg_catalog.pg_class AS c ON c.oid = t.oid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND pg_relation_filenode(c.oid) IS NULL
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'table % was dropped since this transaction''s snapshot, which has rows of it', format('%I.%I', dropped.nspname, dropped.relname)
            USING ERRCODE = 'serialization_failure', HINT = 'Retry the transaction.', SCHEMA = dropped.nspname, TABLE = dropped.relname;
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.check_not_rewritten IS
'Private. Raises 40001 if a table was rewritten since the caller''s snapshot, which then takes it for empty; or, of tables that are named, dropped.';

REVOKE ALL ON FUNCTION gapless.check_not_rewritten FROM PUBLIC;
