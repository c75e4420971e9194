-- The number of the attachment stands nowhere but in its functions and in what the journal has of it.
CREATE OR REPLACE FUNCTION gapless.forget_note(
    name text
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    note    text;
    slot    text := 'gapless.column_next_' || (hashtext(name) & 63)::text;
    entries text := coalesce(current_setting(slot, true), '');
    entry   text := e'\n' || hashtextextended(name, 0)::text || e'\t';
BEGIN
    SELECT 'gapless.column_note_' || substring(p.prosrc FROM 'gapless[.]column_note_([0-9]+)')
    INTO note
    FROM gapless.sequence_lock AS s
    JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = s.target AND t.tgname = ('~gapless_insert_' || s.target_column)::pg_catalog.name
    JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
    WHERE s.name = forget_note.name COLLATE "C";
    IF substring(current_setting(note, true) FROM '}(.*)') = name THEN
        PERFORM set_config(note, '', true);
    END IF;
    IF strpos(entries, entry) > 0 THEN
        PERFORM set_config(slot, replace(entries, entry || split_part(substr(entries, strpos(entries, entry) + length(entry)), ';', 1) || ';', ''), true);
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.forget_note IS
'Private, for forward_gapless and range_gapless. Forgets what the transaction has noted of the next number of a sequence.';

REVOKE ALL ON FUNCTION gapless.forget_note FROM PUBLIC;
