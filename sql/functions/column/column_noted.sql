CREATE OR REPLACE FUNCTION gapless.column_noted(
    note    text,   -- the setting gapless.column_note_...
    counted boolean -- with the rows that the statement has inserted since
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
AS $function$
DECLARE
    noted text     := current_setting('gapless.column_note_' || note, true);
    place bigint[] := nullif(left(noted, strpos(noted, '}')), '')::bigint[];
BEGIN
    RETURN CASE
        WHEN counted AND place[1] <> 0::bigint AND current_setting('gapless.column_bounded', true) = 'on' THEN gapless.column_step(
            substr(noted, strpos(noted, '}') + 1), place[3], pg_stat_get_xact_tuples_inserted(place[1]::oid) - pg_stat_get_xact_tuples_deleted(place[1]::oid) - place[2]
        )
        WHEN counted AND place[1] <> 0::bigint THEN place[3] + (pg_stat_get_xact_tuples_inserted(place[1]::oid) - pg_stat_get_xact_tuples_deleted(place[1]::oid) - place[2])
        ELSE place[3]
    END;
END;
$function$;

COMMENT ON FUNCTION gapless.column_noted IS
'Private, for the triggers of attach_gapless. The number that the statement''s row was given, the first or the latest, as a setting says. Runs with the rights and the search_path of the trigger''s function.';

REVOKE ALL ON FUNCTION gapless.column_noted FROM PUBLIC;
