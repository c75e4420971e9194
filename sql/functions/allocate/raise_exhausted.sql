CREATE OR REPLACE FUNCTION gapless.raise_exhausted(
    name text,
    size bigint
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RAISE EXCEPTION 'sequence "%": % more value(s) would pass 9223372036854775807',
        raise_exhausted.name, raise_exhausted.size
        USING ERRCODE = 'sequence_generator_limit_exceeded',
            HINT = 'Begin a sequence of another name, or let this one cycle with reset.',
            SCHEMA = 'gapless', TABLE = 'sequence_lock';
END;
$function$;

COMMENT ON FUNCTION gapless.raise_exhausted IS
'Private. Raises 2200H for a sequence that has not that many values left.';

REVOKE ALL ON FUNCTION gapless.raise_exhausted FROM PUBLIC;
