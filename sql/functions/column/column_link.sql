-- Before its row has arrived: column_previous drops it, if it does not. Runs under its caller's settings, as
-- column_first_number does, and is as careful.
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
    ELSIF pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.=) 'read committed' THEN
        INSERT INTO gapless.link (name, value, hash) VALUES (column_link.name, column_link.value, column_link.hash);
    ELSE
        -- A link of a row that did not arrive may be newer than the snapshot: PostgreSQL raises 40001 for it.
        INSERT INTO gapless.link (name, value, hash) VALUES (column_link.name, column_link.value, column_link.hash) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            PERFORM gapless.raise_stale(column_link.name);
        END IF;
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_link IS
'Private, for the triggers of attach_gapless with chain. Notes the hash of a number that a row is given. The caller has the lock, by column_first_number, and has called column_previous. Runs under the caller''s search_path, for speed. Raises 22004 for a hash that is NULL, 40001.';

REVOKE ALL ON FUNCTION gapless.column_link FROM PUBLIC;
