-- Plain SQL without SET, STRICT and SECURITY DEFINER, so that the planner inlines it: an index scan backward that ends
-- with the first row. So its operators are qualified. Callers set enable_seqscan = off: a plan made while the journal
-- is small must stay right when it is large. Allocations read it in a statement after the lock's, so that READ
-- COMMITTED shows what the lock's last holder wrote. It has few columns, since each that a caller leaves out costs
-- that caller some 0.1 microseconds.
CREATE OR REPLACE FUNCTION gapless.newest_run(
    name    text,
    initial bigint DEFAULT 1,
    reset   bigint DEFAULT NULL
) RETURNS TABLE (
    last_value   bigint,
    dated        timestamp,
    attachment   bigint,
    next_ordinal bigint,
    next_value   bigint  -- NULL where there is none, past 2^63-1
)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER ROWS 1
AS $function$
    SELECT
        j.last_value,
        j.dated,
        j.attachment,
        j.ordinal OPERATOR(pg_catalog.+) (j.last_value OPERATOR(pg_catalog.-) j.first_value) OPERATOR(pg_catalog.+) 1, -- trap: the next ordinal counts each value of a run
        gapless.value_after(j.last_value, newest_run.initial, newest_run.reset)
    FROM gapless.journal AS j
    WHERE j.name OPERATOR(pg_catalog.=) newest_run.name COLLATE pg_catalog."C" -- trap: = of texts is pg_catalog's
    ORDER BY j.ordinal DESC
    LIMIT 1
$function$;

COMMENT ON FUNCTION gapless.newest_run IS
'Private. The newest row of a sequence''s journal, in the statement''s snapshot, with the ordinal and the value that follow it; no row if there is none.';

REVOKE ALL ON FUNCTION gapless.newest_run FROM PUBLIC;
