-- The workers of a transaction of Citus number in their PREPARE, all at once, so that two transactions may wait for each
-- other on two nodes. Nobody finds such a deadlock, since what is prepared has no backend.
CREATE OR REPLACE FUNCTION gapless.column_lock_briefly(
    names text[]
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $function$
DECLARE
    statement CONSTANT text := statement_timestamp()::text;
    name      text;
BEGIN
    IF current_setting('gapless.commit_alone', true) = statement THEN
        RETURN; -- it is called for each row, and the statement may be long
    ELSIF starts_with(current_query(), 'PREPARE TRANSACTION ''citus_') IS NOT TRUE THEN -- NULL at the end of an extended query
        PERFORM set_config('gapless.commit_alone', statement, true);
        RETURN;
    END IF;
    PERFORM set_config('lock_timeout', least(nullif(max(s.setting::integer) FILTER (WHERE s.name = 'lock_timeout'), 0), least(floor(max(s.setting::integer) FILTER (WHERE s.name = 'deadlock_timeout') * (1 + random())), 2147483647))::text, true)
    FROM pg_catalog.pg_settings AS s
    WHERE s.name IN ('lock_timeout', 'deadlock_timeout'); -- two of them do not give up at once
    FOR name IN SELECT DISTINCT n.name COLLATE "C" FROM unnest(names) AS n (name) ORDER BY 1 LOOP
        PERFORM gapless.check_name(name), gapless.lock_or_make_sequence(name, false);
    END LOOP;
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'sequence "%" was locked for too long while this transaction was prepared, which may be a deadlock of nodes', name
        USING ERRCODE = 'deadlock_detected', HINT = 'Retry the transaction. Number one tenant in each, or early.', SCHEMA = 'gapless';
END;
$function$;

COMMENT ON FUNCTION gapless.column_lock_briefly IS
'Private, for the triggers of attach_gapless with at_commit, on a shard of Citus. In the PREPARE of a transaction of several nodes, locks these sequences, and sets lock_timeout, in ms, to once to twice deadlock_timeout, unless it is less. Else it does nothing. Raises 40P01 where it waited longer.';

REVOKE ALL ON FUNCTION gapless.column_lock_briefly FROM PUBLIC;
