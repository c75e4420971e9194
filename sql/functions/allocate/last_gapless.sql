CREATE OR REPLACE FUNCTION gapless.last_gapless(
    name text DEFAULT 'default'
) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    last bigint;
BEGIN
    PERFORM gapless.check_name(last_gapless.name);
    SELECT n.last_value INTO last FROM gapless.last_run(last_gapless.name) AS n;
    IF last IS NULL THEN
        PERFORM gapless.check_not_rewritten();
    END IF;
    RETURN last;
END;
$function$;

COMMENT ON FUNCTION gapless.last_gapless IS
'The newest value of a sequence in the caller''s snapshot, its own uncommitted ones included; NULL if there is none. Takes no lock, so another transaction may be past it already. Raises 22004 or 22023 for the name; 40001 where the journal was rewritten since the snapshot.';

REVOKE ALL ON FUNCTION gapless.last_gapless FROM PUBLIC;
