CREATE OR REPLACE FUNCTION gapless.column_is_attached(
    target        regclass,
    target_column name,
    definition    text
) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    attached text;
BEGIN
    SELECT coalesce(substring(obj_description(t.tgfoid, 'pg_proc') FROM ', (name => .*)\)$'), 'unknown')
    INTO attached
    FROM pg_catalog.pg_trigger AS t
    WHERE t.tgrelid = target AND t.tgname = ('~gapless_insert_' || target_column)::name;
    IF FOUND AND attached <> definition THEN
        RAISE EXCEPTION 'column "%" of table % is attached already, with another definition', target_column, target
            USING ERRCODE = 'duplicate_object',
                DETAIL = format('It is attached with %s, and not with %s.', attached, definition),
                HINT = 'To attach it otherwise, detach it first: gapless.detach_gapless. In one transaction, no row comes between.',
                TABLE = (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = target), COLUMN = target_column,
                SCHEMA = (SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = target),
                CONSTRAINT = 'gapless_attached';
    END IF;
    RETURN FOUND AND gapless.column_faults(target, target_column) = '{}'
        AND NOT EXISTS (SELECT FROM gapless.column_callees(target, target_column) AS c WHERE c.digest <> c.noted);
END;
$function$;

COMMENT ON FUNCTION gapless.column_is_attached IS
'Private, for attach_gapless. Whether a column is attached by this very definition, and its guards are whole. Raises 42710 where it is by another, and says which.';

REVOKE ALL ON FUNCTION gapless.column_is_attached FROM PUBLIC;
