-- Before its row has arrived: a row that does not leaves its link to the next one that gets the number. The link of a
-- number that was issued stays. Runs under its caller's settings, as column_first_number does, and is as careful.
CREATE OR REPLACE FUNCTION gapless.column_link(
    target        regclass,
    target_column name,
    name          text,
    value         bigint,
    hash          bytea
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
AS $function$
BEGIN
    IF hash IS NULL THEN
        PERFORM gapless.column_refuse('unhashed', target, target_column, column_link.name, column_link.value::pg_catalog.text);
    END IF;
    INSERT INTO gapless.link AS l (name, value, hash)
    VALUES (column_link.name, column_link.value, column_link.hash)
    ON CONFLICT ON CONSTRAINT link_pkey DO UPDATE
    SET hash = excluded.hash
    WHERE coalesce((
        SELECT j.last_value OPERATOR(pg_catalog.<) l.value OR j.txid OPERATOR(pg_catalog.=) pg_catalog.txid_current() AND l.value OPERATOR(pg_catalog.>=) j.first_value
        FROM gapless.journal AS j
        WHERE j.name OPERATOR(pg_catalog.=) l.name
        ORDER BY j.ordinal DESC
        LIMIT 1
    ), true);
    IF NOT FOUND THEN
        PERFORM gapless.column_refuse('torn', target, target_column, column_link.name, NULL);
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_link IS
'Private, for the triggers of attach_gapless with chain. Notes the hash of a number that a row is given. The caller has the lock, by column_first_number. Runs under the caller''s search_path, for speed. Raises 22004 for a hash that is NULL, 40001 for a number that was issued before.';

REVOKE ALL ON FUNCTION gapless.column_link FROM PUBLIC;
