-- TRUNCATE has locked the table.
CREATE OR REPLACE FUNCTION gapless.column_refuse_truncate(
    relation      regclass, -- target, or one of its partitions
    target        regclass,
    target_column name,
    unnumbered    text
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $function$
DECLARE
    numbered boolean;
BEGIN
    -- TRUNCATE removes rows whether this transaction's snapshot has them or not.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') AND EXISTS ( -- trap: rows may be newer than the snapshot
        SELECT FROM pg_catalog.pg_class AS c
        WHERE (c.oid = relation OR c.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(relation) AS p))
            AND pg_relation_size(c.oid) > 0
    ) THEN
        PERFORM gapless.column_refuse('snapshot', target, target_column, NULL, NULL);
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS t WHERE nullif(t.%I::text, %L) IS NOT NULL)', relation, target_column, unnumbered) INTO numbered;
    IF numbered THEN
        PERFORM gapless.column_refuse('truncated', target, target_column, NULL, NULL);
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_refuse_truncate IS
'Private, for the triggers of attach_gapless. Raises 23001 when the table has numbered rows, or may have some that the transaction''s snapshot does not show.';

REVOKE ALL ON FUNCTION gapless.column_refuse_truncate FROM PUBLIC;
