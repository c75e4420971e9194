-- Citus commits a transaction that has written on one other node there first, and then here. One that has written on several it
-- prepares there, commits here, together with the names of the prepared transactions, and then there: so this node decides.
CREATE OR REPLACE FUNCTION gapless.outcome_on_nodes(
    token uuid,
    txid  bigint,
    here  text
) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    command  CONSTANT text := format(
        'SELECT gapless.outcome_here(%L, %L)', left(encode(sha256(convert_to(outcome_on_nodes.token || ' ' || outcome_on_nodes.txid, 'UTF8')), 'hex'), 32), -- as mark_gapless has it
        ARRAY[session_user::text, current_setting('role')]
    );
    patience CONSTANT integer := (SELECT s.setting::integer FROM pg_settings AS s WHERE s.name = 'lock_timeout');
    began    CONSTANT timestamptz := clock_timestamp();
    answer   record;
    names    text[];
    recorded boolean;
    undone   text[] := ARRAY[]::text[]; -- prepared, and this node has not committed
    busy     text;
    again    boolean;
    done     boolean;
    unsure   boolean;
BEGIN
    LOOP
        again := false;
        done := false;
        unsure := false;
        busy := NULL;
        FOR answer IN SELECT a.nodename, a.nodeport, a.success, a.result FROM gapless.node_answers(command) AS a LOOP
            IF NOT answer.success OR answer.result = 'another role''s' THEN
                unsure := true;
            ELSIF answer.result = 'running' THEN
                busy := answer.nodename || ':' || answer.nodeport;
            ELSIF answer.result = 'committed' THEN
                done := true;
            ELSIF starts_with(answer.result, 'prepared ') THEN
                names := string_to_array(substr(answer.result, 10), ',');
                EXECUTE 'SELECT EXISTS (SELECT FROM pg_dist_transaction AS t WHERE t.gid = ANY ($1))' INTO recorded USING names;
                done := done OR recorded;
                -- Citus forgets a name when it has committed there, perhaps since that node answered.
                again := again OR NOT recorded AND NOT undone @> names;
                undone := undone || names;
            END IF;
        END LOOP;
        EXIT WHEN busy IS NULL AND NOT again;
        IF busy IS NOT NULL AND patience > 0 AND clock_timestamp() > began + patience * interval '1 millisecond' THEN
            RAISE EXCEPTION 'transaction % is still running on node %', outcome_on_nodes.txid, busy
                USING ERRCODE = 'lock_not_available', HINT = 'Ask again later.', SCHEMA = 'gapless', TABLE = 'journal';
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RETURN CASE
        WHEN done AND outcome_on_nodes.here <> 'lost' THEN 'committed'
        WHEN done OR unsure THEN 'unknown' -- what it wrote here is lost, what it wrote there is not
        ELSE outcome_on_nodes.here
    END;
END;
$function$;

COMMENT ON FUNCTION gapless.outcome_on_nodes IS
'Private, for outcome_gapless where Citus is. The outcome of a transaction that this node began, and of which it has no journal row, from what the other nodes have. Waits while a part of it is running there. Raises 55P03 after lock_timeout.';

REVOKE ALL ON FUNCTION gapless.outcome_on_nodes FROM PUBLIC;
