CREATE OR REPLACE FUNCTION gapless.column_others(
    target        regclass,
    target_column name
) RETURNS TABLE (
    relation    regclass,
    column_name name,
    function    oid,    -- of its INSERT
    is_head     boolean -- whether the series are its own
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 2
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = on -- which callers set off: it would be taken for an expensive query, and compiled
AS $function$
DECLARE
    head CONSTANT record := gapless.head_of(target, target_column);
BEGIN
    RETURN QUERY
    SELECT m.relation::regclass, m.column_name, m.function, false
    FROM gapless.member AS m
    WHERE m.head = head.relation AND m.head_column = head.column_name
        AND (m.relation, m.column_name) <> (column_others.target::oid, column_others.target_column)
    UNION ALL
    SELECT t.tgrelid::regclass, head.column_name, t.tgfoid, true
    FROM pg_catalog.pg_trigger AS t
    WHERE t.tgrelid = head.relation AND t.tgname = ('~gapless_insert_' || head.column_name)::name
        AND (head.relation, head.column_name) <> (column_others.target::oid, column_others.target_column);
END;
$function$;

COMMENT ON FUNCTION gapless.column_others IS
'Private, for attach_gapless and its triggers. The columns that share the series of a column, without it.';

REVOKE ALL ON FUNCTION gapless.column_others FROM PUBLIC;
