-- The functions of sql/functions, as this migration installs them, and what tells the version.
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE OR REPLACE FUNCTION gapless.version_gapless() RETURNS int4
LANGUAGE sql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS 'SELECT 2';

-- {{ install_snapshot "002" }}
