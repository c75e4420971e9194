CREATE OR REPLACE FUNCTION gapless.column_leave(
    name      text,
    following bigint -- NULL past the range
) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
AS $function$
DECLARE
    slot    pg_catalog.text := 'gapless.column_next_' OPERATOR(pg_catalog.||) (pg_catalog.hashtext(name) OPERATOR(pg_catalog.&) 63)::pg_catalog.text;
    entries pg_catalog.text := coalesce(pg_catalog.current_setting(slot, true), '');
    entry   pg_catalog.text := e'\n' OPERATOR(pg_catalog.||) pg_catalog.hashtextextended(name, 0::bigint)::pg_catalog.text OPERATOR(pg_catalog.||) e'\t';
BEGIN
    IF pg_catalog.strpos(entries, entry) OPERATOR(pg_catalog.>) 0 THEN
        entries := pg_catalog.replace(entries, entry OPERATOR(pg_catalog.||) pg_catalog.split_part(pg_catalog.substr(entries, pg_catalog.strpos(entries, entry) OPERATOR(pg_catalog.+) pg_catalog.length(entry)), ';', 1) OPERATOR(pg_catalog.||) ';', '');
    END IF;
    entries := pg_catalog.set_config(slot, entries OPERATOR(pg_catalog.||) entry OPERATOR(pg_catalog.||) coalesce(following::pg_catalog.text, '-') OPERATOR(pg_catalog.||) ';', true);
    RETURN pg_catalog.set_config('gapless.column_switched', 'on', true);
END;
$function$;

COMMENT ON FUNCTION gapless.column_leave IS
'Private, for column_next_number. Leaves the next number of a sequence in a setting, for its next row. Runs with the rights of the trigger''s function, under any search_path.';

REVOKE ALL ON FUNCTION gapless.column_leave FROM PUBLIC;
