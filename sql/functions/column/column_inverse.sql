-- By the form that PostgreSQL writes such an expression in: no two values of these types have one text.
CREATE OR REPLACE FUNCTION gapless.column_inverse(
    expression regprocedure, -- the function of the series
    names      text[],
    OUT column_name name, -- NULL: the expression is another one
    OUT kind        name, -- the type to compare it as
    OUT sought      text[]
) RETURNS record
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET standard_conforming_strings = on
AS $function$
#variable_conflict use_column
DECLARE
    literal CONSTANT text := '''((?:[^'']|'''')*)''::text';
    around  text[];
BEGIN
    SELECT a.name::name, a.kind, m.around
    INTO column_name, kind, around
    FROM pg_catalog.pg_proc AS p
    CROSS JOIN LATERAL (
        SELECT u.name, CASE
            WHEN u.type IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) THEN 'int8'
            WHEN u.type IN ('text'::regtype, 'varchar'::regtype) THEN 'text'
            WHEN u.type = 'uuid'::regtype THEN 'uuid'
        END::name AS kind
        FROM unnest(p.proargnames, p.proargtypes) AS u (name, type)
    ) AS a
    CROSS JOIN LATERAL regexp_match(
        pg_get_function_sqlbody(p.oid),
        concat('^RETURN \(*(?:', literal, ' \|\| )?\(?', regexp_replace(quote_ident(a.name), '([^[:alnum:]_])', '\\\1', 'g'), '(?:\)::text)?\)?(?: \|\| ', literal, '\))?$')
    ) AS m (around)
    WHERE p.oid = expression AND a.kind IS NOT NULL AND m.around IS NOT NULL AND '' <> ALL (names); -- where it is NULL
    IF column_inverse.column_name IS NULL THEN
        RETURN;
    END IF;
    around := ARRAY[coalesce(replace(around[1], '''''', ''''), ''), coalesce(replace(around[2], '''''', ''''), '')];
    SELECT coalesce(array_agg(w.text), '{}')
    INTO sought
    FROM (
        SELECT substr(u.name, length(around[1]) + 1, length(u.name) - length(around[1]) - length(around[2])) AS text
        FROM unnest(names) AS u (name)
        WHERE starts_with(u.name, around[1]) AND right(u.name, length(around[2])) = around[2] AND length(u.name) >= length(around[1]) + length(around[2])
    ) AS w
    WHERE CASE column_inverse.kind
        WHEN 'int8' THEN CASE WHEN w.text ~ '^(0|-?[1-9][0-9]*)$' THEN w.text::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 END
        WHEN 'uuid' THEN w.text ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        ELSE true
    END;
END;
$function$;

COMMENT ON FUNCTION gapless.column_inverse IS
'Private, for the function that attach_gapless makes for the audit. Where the expression of the series is a column, with or without a literal before or after it: which one, and what it has in the rows of these series.';

REVOKE ALL ON FUNCTION gapless.column_inverse FROM PUBLIC;
