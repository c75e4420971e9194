-- pg_trigger is the registry. A table that is gone counts as detached, whatever an older snapshot shows of its catalog
-- rows.
CREATE OR REPLACE FUNCTION gapless.attached_column(
    target        regclass,
    target_column name
) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN (
        SELECT format('%I.%I.%I', n.nspname, c.relname, attached_column.target_column) -- by the snapshot's names
        FROM pg_catalog.pg_trigger AS t
        JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE t.tgrelid = attached_column.target
            AND t.tgname IN (('~gapless_insert_' || attached_column.target_column)::name, ('~gapless_note_' || attached_column.target_column)::name)
            AND pg_table_is_visible(t.tgrelid) IS NOT NULL
        LIMIT 1
    );
END;
$function$;

COMMENT ON FUNCTION gapless.attached_column IS
'Private. The column that numbers itself, as schema.table.column; NULL if it does not, or not any more.';

REVOKE ALL ON FUNCTION gapless.attached_column FROM PUBLIC;
