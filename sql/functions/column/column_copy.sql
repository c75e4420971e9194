-- In one pass, so that what is put into a place is never taken for another place. A line whose end says "if" or "unless"
-- some option is left out where that does not hold.
CREATE OR REPLACE FUNCTION gapless.column_copy(
    model   name,
    options text[], -- that hold
    places  text[], -- regular expressions
    instead text[]  -- what stands there, with \1 for what the place has in parentheses
) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    place  CONSTANT text := array_to_string(places, '|');
    source text;
BEGIN
    SELECT string_agg(regexp_replace(l.line, ' -- (if|unless) .*$', ''), e'\n' ORDER BY l.i)
    INTO source
    FROM pg_catalog.pg_proc AS p
    CROSS JOIN LATERAL regexp_split_to_table(p.prosrc, e'\n') WITH ORDINALITY AS l (line, i)
    WHERE p.pronamespace = 'gapless'::regnamespace
        AND p.proname = model
        AND NOT EXISTS (
            SELECT
            FROM regexp_matches(substring(l.line FROM ' -- ((?:if|unless) .*)$'), '(if|unless) (\w+)', 'g') AS m (word)
            WHERE (m.word[2] = ANY (options)) <> (m.word[1] = 'if')
        );
    RETURN (
        SELECT string_agg(s.piece || coalesce((
            SELECT CASE WHEN starts_with(f.found[1], ', ') AND instead[p.i] <> '' AND NOT starts_with(instead[p.i], ', ') THEN ', ' ELSE '' END
                || replace(instead[p.i], e'\\1', coalesce(substring(f.found[1] FROM '(\w+)\.(?:input|number|key)'), ''))
            FROM generate_subscripts(places, 1) AS p (i)
            WHERE f.found[1] ~ ('^(?:' || places[p.i] || ')$')
            LIMIT 1
        ), ''), '' ORDER BY s.i)
        FROM regexp_split_to_table(source, place) WITH ORDINALITY AS s (piece, i)
        LEFT JOIN regexp_matches(source, '(' || place || ')', 'g') WITH ORDINALITY AS f (found, i) ON f.i = s.i
    );
END;
$function$;

COMMENT ON FUNCTION gapless.column_copy IS
'Private, for attach_gapless. The body of a function that is written for gapless.model, for another table.';

REVOKE ALL ON FUNCTION gapless.column_copy FROM PUBLIC;
