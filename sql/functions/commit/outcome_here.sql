-- A part that is still running holds the mark's lock from its first number on, and so does one that is prepared. Where Citus's node that
-- began the transaction has crashed, its COMMIT may still be at work here.
CREATE OR REPLACE FUNCTION gapless.outcome_here(
    mark  uuid,
    roles text[]
) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    key      CONSTANT bigint := uuid_hash_extended(outcome_here.mark, 0);
    running  boolean;
    prepared text;
    own      boolean;
BEGIN
    SELECT coalesce(bool_or(l.pid IS NOT NULL), false), string_agg(p.gid, ',')
    INTO running, prepared
    FROM pg_locks AS l
    LEFT JOIN pg_locks AS x ON x.locktype = 'transactionid' AND x.virtualtransaction = l.virtualtransaction AND x.granted AND x.pid IS NULL AND l.pid IS NULL
    LEFT JOIN pg_prepared_xacts AS p ON p.database = current_database() AND p.transaction = x.transactionid
    WHERE l.locktype = 'advisory' AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
        AND l.classid = (key >> 32 & 4294967295)::oid AND l.objid = (key & 4294967295)::oid AND l.objsubid = 1 AND l.granted;
    IF running THEN
        RETURN 'running';
    END IF;
    -- A later statement, which sees what has ended until then.
    own := (SELECT bool_or(j.allocated_by = ANY (outcome_here.roles)) FROM gapless.journal AS j WHERE j.token = outcome_here.mark);
    IF own THEN
        -- What is visible need not be durable. This is flush_gapless, which is not for Citus.
        PERFORM set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';
        PERFORM pg_logical_emit_message(true, 'gapless', '');
        RETURN 'committed';
    ELSIF own IS NOT NULL THEN
        RETURN 'another role''s';
    END IF;
    RETURN coalesce('prepared ' || prepared, 'none');
END;
$function$;

COMMENT ON FUNCTION gapless.outcome_here IS
'Private. What became on this node of Citus of the part of a transaction with this mark, which another node began: committed, and durable; running; prepared, with the names of the prepared transactions; another role''s, where only roles that are not given have written it; or none, where it took no number here or was rolled back.';

REVOKE ALL ON FUNCTION gapless.outcome_here FROM PUBLIC;
