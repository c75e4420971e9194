-- Their rows are elsewhere by now.
CREATE OR REPLACE FUNCTION gapless.shard_release(
    gone        bigint, -- the oid of the table that was a shard here; NULL: the sequences are no column's
    column_name name,
    names       jsonb, -- NULL: all
    expected    jsonb  -- what shard_digest said of them; NULL: whatever it is
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    chosen   CONSTANT text[] := ARRAY(
        SELECT s.name FROM gapless.shard_series(gone::oid::regclass, column_name) AS s (name) WHERE names IS NULL OR s.name IN (SELECT jsonb_array_elements_text(names) COLLATE "C")
        UNION
        SELECT s.name FROM gapless.sequence_lock AS s WHERE gone IS NULL AND s.target IS NULL AND s.name IN (SELECT jsonb_array_elements_text(names) COLLATE "C")
    );
    function regproc;
    item     regprocedure;
    left_over bigint;
BEGIN
    PERFORM gapless.shard_wait_less();
    PERFORM set_config('citus.enable_manual_changes_to_shards', 'on', true), set_config('citus.enable_ddl_propagation', 'off', true);
    PERFORM gapless.lock_sequence(c.name, false) FROM unnest(chosen) AS c (name);
    IF expected <> gapless.shard_digest(names) THEN
        RAISE EXCEPTION 'sequences of a shard that was moved have changed here meanwhile'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Call gapless.attach_shards again, on the coordinator.', SCHEMA = 'gapless', CONSTRAINT = 'shard_series';
    END IF;
    DELETE FROM gapless.journal AS j WHERE j.name = ANY (chosen);
    DELETE FROM gapless.void AS v WHERE v.name = ANY (chosen);
    DELETE FROM gapless.decision AS d WHERE d.name = ANY (chosen);
    DELETE FROM gapless.link AS l WHERE l.name = ANY (chosen);
    DELETE FROM gapless.number_range AS r WHERE r.name = ANY (chosen);
    DELETE FROM gapless.known_text AS k WHERE k.name = ANY (chosen);
    DELETE FROM gapless.former AS f WHERE f.name = ANY (chosen);
    DELETE FROM gapless.sequence_lock AS s WHERE s.name = ANY (chosen);
    SELECT count(*) INTO left_over FROM gapless.shard_series(gone::oid::regclass, column_name);
    IF left_over = 0 AND gone IS NOT NULL THEN
        IF EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = gone) THEN
            PERFORM gapless.column_dismantle(gone::oid::regclass, column_name);
        END IF;
        SELECT to_regproc(s.function) INTO function FROM gapless.shard AS s WHERE s.relation = gone::oid::regclass AND s.column_name = shard_release.column_name;
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgfoid = function) THEN
            FOR item IN SELECT f.oid::regprocedure FROM gapless.column_functions(function) AS f (oid) ORDER BY f.oid DESC LOOP
                EXECUTE format('DROP FUNCTION %s', item);
            END LOOP;
        END IF;
        DELETE FROM gapless.shard AS s WHERE s.relation = gone::oid::regclass AND s.column_name = shard_release.column_name;
    END IF;
    RETURN left_over;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_release IS
'Private, for the coordinator, on a node. Deletes what is known here of sequences of a shard that was moved away, and, with the last of them, its triggers and functions. Returns how many are left. Locks what is left of the shard.';

REVOKE ALL ON FUNCTION gapless.shard_release FROM PUBLIC;
