-- Of a row before it in the same statement, too, which the journal does not have yet. What a row that did not arrive has
-- left goes here, so that column_link's INSERT, on the hot path, has nothing to look after. Runs under its caller's
-- settings, as column_first_number does, and is as careful.
CREATE OR REPLACE FUNCTION gapless.column_previous(
    target        regclass,
    target_column name,
    name          text,
    value         bigint
) RETURNS bytea
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
AS $function$
DECLARE
    newest pg_catalog.record;
BEGIN
    SELECT l.value, l.hash
    INTO newest
    FROM gapless.link AS l
    WHERE l.name OPERATOR(pg_catalog.=) column_previous.name COLLATE pg_catalog."C"
    ORDER BY l.value DESC
    LIMIT 1;
    IF newest.value OPERATOR(pg_catalog.<) column_previous.value THEN
        RETURN newest.hash;
    ELSIF newest.value IS NULL THEN
        PERFORM gapless.check_not_rewritten('{gapless.link}'::pg_catalog.regclass[]);
        RETURN NULL;
    END IF;
    IF newest.value OPERATOR(pg_catalog.<=) (
        SELECT j.last_value
        FROM gapless.journal AS j
        WHERE j.name OPERATOR(pg_catalog.=) column_previous.name COLLATE pg_catalog."C"
        ORDER BY j.ordinal DESC
        LIMIT 1
    ) THEN
        PERFORM gapless.column_refuse('torn', target, target_column, column_previous.name, NULL);
    END IF;
    DELETE FROM gapless.link AS l
    WHERE l.name OPERATOR(pg_catalog.=) column_previous.name COLLATE pg_catalog."C" AND l.value OPERATOR(pg_catalog.>=) column_previous.value;
    RETURN (
        SELECT l.hash
        FROM gapless.link AS l
        WHERE l.name OPERATOR(pg_catalog.=) column_previous.name COLLATE pg_catalog."C"
        ORDER BY l.value DESC
        LIMIT 1
    );
END;
$function$;

COMMENT ON FUNCTION gapless.column_previous IS
'Private, for the triggers of attach_gapless with chain. The hash of a number''s predecessor in the chain; NULL if there is none. Drops the links of rows that did not arrive. The caller has the lock, by column_first_number. Runs under the caller''s search_path, for speed. Raises 40001 for a number that was issued before.';

REVOKE ALL ON FUNCTION gapless.column_previous FROM PUBLIC;
