-- Runs with the caller's rights. Locks the table (ACCESS EXCLUSIVE), then the column's sequences.
CREATE OR REPLACE FUNCTION gapless.detach_gapless(
    target        regclass,
    target_column name,
    unguard       boolean DEFAULT false -- whether the rows of former partitions go without guards from then on, too
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET jit = off -- it costs more than it saves
AS $function$
DECLARE
    members text;
    former  regclass; -- what was a partition
    there   boolean;
BEGIN
    IF target IS NULL OR target_column IS NULL THEN
        RAISE EXCEPTION 'the table and the column must not be NULL'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Give both.', SCHEMA = 'gapless';
    ELSIF NOT (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class AS c WHERE c.oid = target) THEN
        RAISE EXCEPTION 'only the owner of table % can detach a column of it', target
            USING ERRCODE = 'insufficient_privilege', HINT = 'Ask a member of the role that owns it.', SCHEMA = 'gapless';
    ELSIF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'column "%" of table % cannot be detached in a transaction that may not see all of its sequences', target_column, target
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Use READ COMMITTED.', SCHEMA = 'gapless', CONSTRAINT = 'detach_snapshot';
    END IF;
    IF gapless.column_shard_kind(target) IS NOT NULL THEN
        PERFORM gapless.shard_detach_table(target, target_column);
        RETURN;
    END IF;
    PERFORM gapless.column_lock_head(target, target_column);
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', target);
    IF NOT gapless.column_check_owner(target, target_column) THEN
        RAISE EXCEPTION 'column "%" of table % is not attached', target_column, target
            USING ERRCODE = 'undefined_object', HINT = 'The view gapless.columns shows the columns that are, by the names under which they were attached.',
                SCHEMA = 'gapless', CONSTRAINT = 'gapless_unattached';
    END IF;
    SELECT CASE WHEN NOT bool_or(o.is_head) THEN string_agg(format('SELECT gapless.detach_gapless(%L, %L);', o.relation, o.column_name), ' ' ORDER BY o.relation::text, o.column_name) END
    INTO members
    FROM gapless.column_others(target, target_column) AS o;
    IF members IS NOT NULL THEN
        RAISE EXCEPTION 'column "%" of table % cannot be detached: others number themselves from its series', target_column, target
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Detach them first: ' || members, SCHEMA = 'gapless', CONSTRAINT = 'detach_series_of';
    END IF;
    FOR former IN SELECT DISTINCT g.partition FROM gapless.column_former_guards(target, target_column) AS g WHERE unguard IS NOT TRUE ORDER BY g.partition LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s AS r WHERE r.%I IS NOT NULL)', former, target_column) INTO there;
        IF there THEN
            RAISE EXCEPTION 'column "%" of table % cannot be detached: %, which was a partition of it, has numbers that it guards', target_column, target, former
                USING ERRCODE = 'object_not_in_prerequisite_state',
                    HINT = format('ALTER TABLE %1$s ATTACH PARTITION %2$s ...; or archive its numbers, and leave them without guards: SELECT gapless.detach_gapless(%3$L, %4$L, unguard => true);', target, former, target, target_column),
                    SCHEMA = 'gapless', CONSTRAINT = 'detach_former_partition';
        END IF;
    END LOOP;
    PERFORM gapless.column_note_former(target, target_column);
    PERFORM gapless.column_dismantle(target, target_column);
    PERFORM gapless.column_release_sequences(target, target_column);
END;
$function$;

COMMENT ON FUNCTION gapless.detach_gapless IS
'Ends what attach_gapless began: the column is an ordinary one again, its numbers stay, and next_gapless may take from its sequences. Audits it, so that what is missing without explanation stays so. For the table''s owner. Locks the table and the sequences until the transaction ends. Raises 22004, 42501, 42704 where it is not attached, 55000 outside READ COMMITTED where the table has another owner than the functions, while others share its series, and, without unguard, while a former partition has numbers.';

REVOKE ALL ON FUNCTION gapless.detach_gapless FROM PUBLIC;
