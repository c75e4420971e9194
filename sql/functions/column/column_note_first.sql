-- A transaction's first row that waits is kept in two settings, since most have no other.
CREATE OR REPLACE FUNCTION gapless.column_note_first() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    expected text[] := regexp_match(current_setting('gapless.commit_expected', true), '^([0-9]+)=(.+)$');
BEGIN
    IF expected IS NOT NULL THEN
        INSERT INTO gapless.waiting (attachment, names, keys)
        VALUES (expected[1]::bigint, ARRAY[expected[2]], current_setting('gapless.commit_first')::text[]);
        PERFORM set_config('gapless.commit_done_' || expected[1], '', true);
    END IF;
    PERFORM set_config('gapless.commit_expected', '0=', true);
END;
$function$;

COMMENT ON FUNCTION gapless.column_note_first IS
'Private, for the triggers of attach_gapless. Notes the transaction''s first row that waits for its number at commit, where there is another one.';

REVOKE ALL ON FUNCTION gapless.column_note_first FROM PUBLIC;
