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
SET standard_conforming_strings = on
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
            SELECT CASE WHEN starts_with(g.found, ', ') AND instead[g.place] <> '' AND NOT starts_with(instead[g.place], ', ') THEN ', ' ELSE '' END
                || replace(instead[g.place], e'\\1', coalesce(substring(g.found FROM '(\w+)\.(?:input|number|key)'), ''))
            FROM unnest(f.groups) WITH ORDINALITY AS g (found, place) -- of which one was found
            WHERE g.found IS NOT NULL
        ), ''), '' ORDER BY s.i)
        FROM regexp_split_to_table(source, place) WITH ORDINALITY AS s (piece, i)
        LEFT JOIN regexp_matches(source, '(' || array_to_string(places, ')|(') || ')', 'g') WITH ORDINALITY AS f (groups, i) ON f.i = s.i
    );
END;
$function$;

COMMENT ON FUNCTION gapless.column_copy IS
'Private, for attach_gapless. The body of a function that is written for gapless.model, for another table.';

REVOKE ALL ON FUNCTION gapless.column_copy FROM PUBLIC;
