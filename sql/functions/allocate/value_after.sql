-- The one rule of which value follows another. Plain SQL without SET, so that the planner inlines it into the
-- statements that allocate; so its operators are qualified. No sum in it can overflow: reset is above initial, so it
-- has a predecessor.
CREATE OR REPLACE FUNCTION gapless.value_after(
    last_value bigint,
    initial    bigint,
    reset      bigint
) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
    SELECT CASE
        WHEN last_value OPERATOR(pg_catalog.>=) (reset OPERATOR(pg_catalog.-) 1) THEN initial
        WHEN last_value OPERATOR(pg_catalog.<) 9223372036854775807 THEN last_value OPERATOR(pg_catalog.+) 1 -- trap: < is pg_catalog's
    END
$function$;

COMMENT ON FUNCTION gapless.value_after IS
'Private. The value after last_value: initial where it would reach reset, NULL where it would pass 2^63-1.';

REVOKE ALL ON FUNCTION gapless.value_after FROM PUBLIC;
