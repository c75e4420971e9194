-- Only what attach_gapless may have made: for an owner who may attach, and never to run with the rights of whoever
-- audits. pg_trigger is the registry.
CREATE OR REPLACE FUNCTION gapless.audit_columns(
    heads oid[] DEFAULT NULL -- only those with the series of one of these tables; NULL: all
) RETURNS TABLE (
    relation      oid,
    column_name   name,
    title         text,   -- schema.table.column
    head          oid,    -- the column whose series it has: its own, or that whose series it shares
    head_column   name,
    head_title    text,
    inputs        name[], -- what the expressions read
    relations     oid[],  -- the table, and partitions that were detached
    rows_reader   oid,
    prints_reader oid,
    links_reader  oid,    -- of a column with chain; else NULL
    attachment    bigint, -- its number, but for the last bits
    dated         boolean, -- whether it has an expression chronology
    trigger_oid   oid
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH attached AS MATERIALIZED (
        SELECT t.oid, t.tgrelid, t.tgname, t.tgfoid, o.head, o.head_column
        FROM pg_catalog.pg_trigger AS t
        LEFT JOIN gapless.member AS o ON o.relation = t.tgrelid AND o.function = t.tgfoid
        WHERE t.tgname LIKE e'~gapless\\_insert\\_%' AND t.tgparentid = 0 AND (heads IS NULL OR coalesce(o.head, t.tgrelid) = ANY (heads))
    )
    SELECT
        c.oid,
        m.name,
        format('%I.%I.%I', s.nspname, c.relname, m.name),
        coalesce(t.head, c.oid),
        coalesce(t.head_column, m.name),
        coalesce((
            SELECT format('%I.%I.%I', hs.nspname, hc.relname, t.head_column)
            FROM pg_catalog.pg_class AS hc
            JOIN pg_catalog.pg_namespace AS hs ON hs.oid = hc.relnamespace
            WHERE hc.oid = t.head
        ), format('%I.%I.%I', s.nspname, c.relname, m.name)),
        (SELECT coalesce(p.proargnames, '{}') FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = f.pronamespace AND p.proowner = f.proowner AND p.proname = f.proname || '_series' LIMIT 1)::name[],
        ARRAY(
            SELECT k.tgrelid
            FROM pg_catalog.pg_trigger AS k
            JOIN pg_catalog.pg_class AS r ON r.oid = k.tgrelid AND NOT r.relispartition
            JOIN pg_catalog.pg_proc AS q ON q.oid = k.tgfoid AND q.pronamespace = f.pronamespace AND q.proowner = f.proowner AND q.proname = f.proname || '_keep'
            WHERE k.tgname = ('~gapless_kept_delete_' || m.name)::pg_catalog.name
        ) || c.oid,
        reader.rows,
        reader.prints,
        reader.links,
        (
            SELECT substring(p.prosrc FROM 'gapless[.](?:column_note|commit_done)_([0-9]+)')::bigint >> 16
            FROM pg_catalog.pg_proc AS p
            WHERE p.pronamespace = f.pronamespace AND p.proowner = f.proowner AND p.proname = f.proname || '_update'
        ),
        NOT EXISTS (
            SELECT FROM pg_catalog.pg_proc AS p
            WHERE p.pronamespace = f.pronamespace AND p.proowner = f.proowner AND p.proname = f.proname || '_dated' AND pg_get_function_sqlbody(p.oid) = 'RETURN NULL::timestamp without time zone'
        ),
        t.oid
    FROM attached AS t
    JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
    JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
    CROSS JOIN LATERAL (SELECT substr(t.tgname, length('~gapless_insert_') + 1)::pg_catalog.name) AS m (name)
    JOIN pg_catalog.pg_proc AS f ON f.oid = t.tgfoid
    CROSS JOIN LATERAL (
        SELECT
            max(p.oid) FILTER (WHERE p.proname = f.proname || '_rows' AND p.prosecdef AND p.proowner = c.relowner) AS rows,
            max(p.oid) FILTER (WHERE p.proname = f.proname || '_prints' AND p.prosecdef AND p.proowner = c.relowner) AS prints,
            max(p.oid) FILTER (WHERE p.proname = f.proname || '_links' AND p.proowner = c.relowner) AS links
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = f.pronamespace
            AND p.proname IN (f.proname || '_rows', f.proname || '_prints', f.proname || '_links')
            AND p.proargtypes = (SELECT r.proargtypes FROM pg_catalog.pg_proc AS r WHERE r.oid = 'gapless.model_rows'::regproc)
    ) AS reader
    WHERE reader.rows IS NOT NULL
        AND has_function_privilege(c.relowner, 'gapless.column_enter'::regproc, 'EXECUTE');
END;
$function$;

COMMENT ON FUNCTION gapless.audit_columns IS
'Private, for the audit. The attached columns, and the functions of the tables'' owners that read them.';

REVOKE ALL ON FUNCTION gapless.audit_columns FROM PUBLIC;
