-- Columns that nobody has detached, and whose triggers or functions are not those that attach_gapless made, or not any
-- more.
CREATE OR REPLACE FUNCTION gapless.audit_failed_columns(
    names   text[], -- those that have one of these series; NULL: all
    heads   text[]  -- only these columns, and those that share their series; NULL: all
) RETURNS TABLE (
    attached_column text,
    head_of_series  text,
    detail          text
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan -- to plan it takes longer than to run it
SET enable_seqscan = off -- columns are few
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_nestloop = on
AS $function$
DECLARE
    audited CONSTANT text[] := ARRAY(
        SELECT format('%s %s', c.relation, c.column_name)
        FROM gapless.audit_columns(CASE WHEN names IS NOT NULL THEN ARRAY(SELECT s.target FROM gapless.sequence_lock AS s WHERE s.name = ANY (names)) END) AS c
    );
BEGIN
    RETURN QUERY
    SELECT format('%I.%I.%I', r.nspname, c.relname, s.target_column), s.head_name, 'the column cannot be audited: ' || CASE
        WHEN t.oid IS NULL AND a.attname IS NULL THEN 'it was renamed or dropped. Detach it by the name that it had, and attach it by the one that it has.'
        WHEN f.oid IS NULL THEN 'its triggers were dropped, or it was never attached in this database. Attach it again; and detach it then, if it is not to number itself.'
        WHEN f.proowner <> c.relowner THEN format(
            'its table belongs to %1$I, and its functions to %2$I. %3$s',
            pg_get_userbyid(c.relowner), pg_get_userbyid(f.proowner),
            (SELECT string_agg(format('ALTER FUNCTION %s OWNER TO %I;', o.oid::regprocedure, pg_get_userbyid(c.relowner)), ' ' ORDER BY o.oid) FROM gapless.column_functions(f.oid::regproc) AS o (oid))
        )
        WHEN NOT has_function_privilege(c.relowner, 'gapless.column_enter'::regproc, 'EXECUTE') THEN format(
            'role %I, which owns its table, has no right to number it any more. Grant it what attach_gapless asks for.', pg_get_userbyid(c.relowner)
        )
        ELSE 'its functions are not those that gapless.attach_gapless made. Detach the column and attach it again.'
    END
    FROM (
        WITH given AS (
            SELECT s.target, s.target_column FROM gapless.sequence_lock AS s WHERE names IS NULL
            UNION ALL
            SELECT s.target, s.target_column FROM gapless.sequence_lock AS s WHERE s.name = ANY (names)
        ), owner AS (
            SELECT g.target, g.target_column, format('%I.%I.%I', n.nspname, c.relname, g.target_column) AS head_name
            FROM (SELECT DISTINCT g.target, g.target_column FROM given AS g) AS g
            JOIN pg_catalog.pg_class AS c ON c.oid = g.target
            JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE (heads IS NULL OR quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(g.target_column) = ANY (heads)) -- NULL for NULL, which a plan may give it
        )
        SELECT o.target, o.target_column, o.head_name FROM owner AS o
        UNION ALL
        SELECT m.relation::regclass, m.column_name, o.head_name
        FROM owner AS o
        JOIN gapless.member AS m ON m.head = o.target AND m.head_column = o.target_column
    ) AS s
    JOIN pg_catalog.pg_class AS c ON c.oid = s.target
    JOIN pg_catalog.pg_namespace AS r ON r.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = s.target_column AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = c.oid AND t.tgname = ('~gapless_insert_' || s.target_column)::pg_catalog.name
    LEFT JOIN pg_catalog.pg_proc AS f ON f.oid = t.tgfoid
    LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
    WHERE c.oid || ' ' || s.target_column <> ALL (audited)
        AND pg_table_is_visible(c.oid) IS NOT NULL; -- past an older snapshot
END;
$function$;

COMMENT ON FUNCTION gapless.audit_failed_columns IS
'Private, for audit_gapless and audit_numbers. The attached columns that cannot be audited, and why: renamed or dropped, without their triggers, or with functions that attach_gapless has not made.';

REVOKE ALL ON FUNCTION gapless.audit_failed_columns FROM PUBLIC;
