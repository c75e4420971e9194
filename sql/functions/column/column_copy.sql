-- What is put into a place is never taken for another place: places are marked first. A line whose end says "if" or
-- "unless" some option is left out where that does not hold.
CREATE OR REPLACE FUNCTION gapless.column_copy(
    model   name,
    options text[], -- that hold
    places  text[], -- those that contain others first
    instead text[]  -- what stands there
) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    source text;
BEGIN
    SELECT string_agg(CASE WHEN l.line LIKE '% -- if %' OR l.line LIKE '% -- unless %' THEN regexp_replace(l.line, ' -- (if|unless) .*$', '') ELSE l.line END, e'\n' ORDER BY l.i)
    INTO source
    FROM pg_catalog.pg_proc AS p
    CROSS JOIN LATERAL string_to_table(p.prosrc, e'\n') WITH ORDINALITY AS l (line, i)
    WHERE p.pronamespace = 'gapless'::regnamespace
        AND p.proname = model
        AND CASE WHEN l.line LIKE '% -- if %' OR l.line LIKE '% -- unless %' THEN NOT EXISTS (
            SELECT
            FROM regexp_matches(substring(l.line FROM ' -- ((?:if|unless) .*)$'), '(if|unless) (\w+)', 'g') AS m (word)
            WHERE (m.word[2] = ANY (options)) <> (m.word[1] = 'if')
        ) ELSE true END;
    FOR i IN 1..cardinality(places) LOOP
        source := replace(source, places[i], chr(1) || i || chr(2));
    END LOOP;
    RETURN (
        SELECT string_agg(CASE WHEN s.i = 1 THEN s.piece ELSE instead[split_part(s.piece, chr(2), 1)::integer] || substr(s.piece, strpos(s.piece, chr(2)) + 1) END, '' ORDER BY s.i)
        FROM string_to_table(source, chr(1)) WITH ORDINALITY AS s (piece, i)
    );
END;
$function$;

COMMENT ON FUNCTION gapless.column_copy IS
'Private, for attach_gapless. The body of a function that is written for gapless.model, for another table.';

REVOKE ALL ON FUNCTION gapless.column_copy FROM PUBLIC;
