-- A trigger's WHEN has columns by their numbers, which outlive a rename; the texts of functions have them by their names.
-- pg_get_triggerdef knows the names of now, whatever an older snapshot shows.
CREATE OR REPLACE FUNCTION gapless.column_check_names(
    relation      regclass, -- the table, a partition, or one that was detached
    target_column name,
    inputs        name[]    -- the columns that the expressions read, in their order; NULL where they are not known
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $function$
DECLARE
    guard record;
BEGIN
    SELECT t.tgname, pg_get_triggerdef(t.oid) AS definition
    INTO guard
    FROM pg_catalog.pg_trigger AS t
    WHERE t.tgrelid = relation AND t.tgname IN (SELECT ('~gapless_' || u.purpose || '_' || target_column)::name FROM unnest('{update,kept_delete,delete}'::text[]) AS u (purpose))
    ORDER BY t.tgname DESC -- that for UPDATE reads the inputs, too
    LIMIT 1;
    IF NOT (CASE
        WHEN starts_with(guard.tgname, '~gapless_update_') AND inputs IS NOT NULL
        THEN position(format('(ROW(%s), ', array_to_string(ARRAY(SELECT 'old.' || quote_ident(u.name) FROM unnest(inputs || target_column) AS u (name)), ', ')) IN guard.definition) > 0
        ELSE guard.definition ~ (e'old\\.' || regexp_replace(quote_ident(target_column), e'(\\W)', e'\\\\\\1', 'g') || '[ ,)]')
    END) THEN
        PERFORM gapless.column_refuse('misnamed', relation, target_column, NULL, NULL); -- trap: another column has a renamed one's name
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_check_names IS
'Private, for the triggers of attach_gapless and the audit. Raises 55000 where the column, or one that its expressions read, has another name than when it was attached.';

REVOKE ALL ON FUNCTION gapless.column_check_names FROM PUBLIC;
