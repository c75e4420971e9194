CREATE OR REPLACE FUNCTION gapless.column_leave(
    name      text,
    following bigint -- NULL past the range
) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
AS $function$
DECLARE
    slot    text := 'gapless.column_next_' || (hashtext(name) & 63)::text;
    entries text := coalesce(current_setting(slot, true), '');
    entry   text := e'\n' || hashtextextended(name, 0::bigint)::text || e'\t';
BEGIN
    IF strpos(entries, entry) > 0 THEN
        entries := replace(entries, entry || split_part(substr(entries, strpos(entries, entry) + length(entry)), ';', 1) || ';', '');
    END IF;
    entries := set_config(slot, entries || entry || coalesce(following::text, '-') || ';', true);
    RETURN set_config('gapless.column_switched', 'on', true);
END;
$function$;

COMMENT ON FUNCTION gapless.column_leave IS
'Private, for column_next_number. Leaves the next number of a sequence in a setting, for its next row. Runs with the rights and the search_path of the trigger''s function.';

REVOKE ALL ON FUNCTION gapless.column_leave FROM PUBLIC;
