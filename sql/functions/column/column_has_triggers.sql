CREATE OR REPLACE FUNCTION gapless.column_has_triggers(
    target regclass
) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgrelid = ANY (target::oid || ARRAY(SELECT p.relid::oid FROM pg_partition_tree(target) AS p)) -- by the index: a scan that is off counts as costly, and is compiled
            AND t.tgtype::integer & 19 = 19 -- BEFORE UPDATE FOR EACH ROW
            AND t.tgname NOT LIKE e'~gapless\\_%'
            AND t.tgenabled <> 'D'
    );
END;
$function$;

COMMENT ON FUNCTION gapless.column_has_triggers IS
'Private, for the triggers of attach_gapless. Whether a trigger of the table''s own can change a row that is being numbered.';

REVOKE ALL ON FUNCTION gapless.column_has_triggers FROM PUBLIC;
