-- The functions of sql/functions, as this migration installs them.
SET LOCAL search_path = pg_catalog, pg_temp;
-- {{ install_snapshot "002" }}
