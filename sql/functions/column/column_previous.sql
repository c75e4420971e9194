-- Of a row before it in the same statement, too, which the journal does not have yet. Runs under its caller's settings,
-- as column_first_number does, and is as careful.
CREATE OR REPLACE FUNCTION gapless.column_previous(
    name  text,
    value bigint
) RETURNS bytea
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
AS $function$
DECLARE
    previous pg_catalog.bytea;
BEGIN
    SELECT l.hash
    INTO previous
    FROM gapless.link AS l
    WHERE l.name OPERATOR(pg_catalog.=) column_previous.name COLLATE pg_catalog."C" AND l.value OPERATOR(pg_catalog.<) column_previous.value
    ORDER BY l.value DESC
    LIMIT 1;
    IF NOT FOUND THEN
        PERFORM gapless.check_not_rewritten('{gapless.link}'::pg_catalog.regclass[]);
    END IF;
    RETURN previous;
END;
$function$;

COMMENT ON FUNCTION gapless.column_previous IS
'Private, for the triggers of attach_gapless with chain. The hash of a number''s predecessor in the chain; NULL if there is none. Runs under the caller''s search_path, for speed.';

REVOKE ALL ON FUNCTION gapless.column_previous FROM PUBLIC;
