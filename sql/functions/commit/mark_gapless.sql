CREATE OR REPLACE FUNCTION gapless.mark_gapless(
    token uuid
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    propagated CONSTANT text := current_setting('citus.propagate_set_commands', true);
BEGIN
    IF mark_gapless.token IS NULL THEN
        RAISE EXCEPTION 'the token that marks a transaction must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give a new uuid, and keep it: gapless.outcome_gapless asks for it.',
                SCHEMA = 'gapless', TABLE = 'journal', COLUMN = 'token';
    END IF;
    PERFORM
        set_config('gapless.token', mark_gapless.token::text, true),
        pg_advisory_xact_lock(uuid_hash_extended(mark_gapless.token, 0));
    IF propagated <> '' THEN -- Citus tells other nodes: see outcome_on_nodes
        PERFORM set_config('citus.propagate_set_commands', 'local', true);
        EXECUTE format('SET LOCAL gapless.distributed = %L', left(encode(sha256(convert_to(mark_gapless.token || ' ' || txid_current(), 'UTF8')), 'hex'), 32));
        PERFORM set_config('citus.propagate_set_commands', propagated, true);
    END IF;
    RETURN txid_current();
END;
$function$;

COMMENT ON FUNCTION gapless.mark_gapless IS
'Marks the caller''s transaction with a token, a new uuid, and returns the transaction''s id: with both, gapless.outcome_gapless finds out, on another connection, whether it committed. For the first statement of a transaction. Allocations write the token into the journal, or, on other nodes of Citus, a mark that is made of both; an advisory lock on it is held until the transaction ends. Raises 22004 for NULL, and 25006 on a standby.';

REVOKE ALL ON FUNCTION gapless.mark_gapless FROM PUBLIC;
