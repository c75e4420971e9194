-- A pinned setting cannot change what the expressions mean from one session to the next.
CREATE OR REPLACE FUNCTION gapless.column_pins(
    path   text,
    pinned text[]
) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN format('SET search_path = %s', CASE WHEN 'search_path' = ANY (pinned) THEN path ELSE 'pg_catalog, pg_temp' END) || coalesce(( -- trap: the path is pinned
        SELECT string_agg(format(' SET %I = %L', s.name, current_setting(s.name)), '' ORDER BY s.name)
        FROM (SELECT DISTINCT u.name FROM unnest(pinned) AS u (name)) AS s
        WHERE s.name <> 'search_path'
    ), '');
END;
$function$;

COMMENT ON FUNCTION gapless.column_pins IS
'Private, for attach_gapless. The SET clauses of a column''s functions.';

REVOKE ALL ON FUNCTION gapless.column_pins FROM PUBLIC;
