-- column_settle: private, for the triggers of attach_gapless; brings column_next's note up to date.
--
-- At a statement's end, and where a row gets no number: what is counted from here on is not column_next's. Returns the
-- number that the note has for the next row, or NULL where there is none.
CREATE OR REPLACE FUNCTION gapless.column_settle(
    note text -- the setting gapless.note_...
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
AS $function$
DECLARE
    noted text[] := nullif(current_setting('gapless.note_' || note, true), '')::text[];
BEGIN
    IF noted[1] <> '0' THEN
        noted := ARRAY['0', '0', (noted[3]::numeric + (pg_stat_get_xact_tuples_inserted(noted[1]::oid) - noted[2]::bigint)::numeric)::text, noted[4]];
        noted[5] := set_config('gapless.note_' || note, noted::text, true);
    END IF;
    RETURN CASE WHEN noted[3]::numeric <= 9223372036854775807::numeric THEN noted[3]::bigint END;
END;
$function$;

COMMENT ON FUNCTION gapless.column_settle IS
'Private, for the triggers of attach_gapless. Brings column_next''s note up to date; the number that it has for the next row. Runs with the rights and the search_path of the trigger''s function.';

REVOKE ALL ON FUNCTION gapless.column_settle FROM PUBLIC;
