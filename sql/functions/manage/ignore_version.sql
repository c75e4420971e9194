CREATE OR REPLACE FUNCTION gapless.ignore_version() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION gapless.ignore_version IS
'Private, for the view schema_version. Tern writes the version there, which each migration has defined already.';

REVOKE ALL ON FUNCTION gapless.ignore_version FROM PUBLIC;
