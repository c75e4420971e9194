-- The caller has locked the sequence by writing it, so that ordinals do not collide.
CREATE OR REPLACE FUNCTION gapless.decide(
    name        text,
    kind        text,
    first_value bigint,
    last_value  bigint,
    reason      text,
    numbers     nummultirange DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    INSERT INTO gapless.decision (name, ordinal, kind, first_value, last_value, reason, numbers)
    SELECT decide.name, coalesce(max(d.ordinal), 0) + 1, decide.kind, decide.first_value, decide.last_value, decide.reason, decide.numbers
    FROM gapless.decision AS d
    WHERE d.name = decide.name COLLATE "C";
END;
$function$;

COMMENT ON FUNCTION gapless.decide IS
'Private. Notes what was decided about a sequence, and why.';

REVOKE ALL ON FUNCTION gapless.decide FROM PUBLIC;
