CREATE OR REPLACE FUNCTION gapless.column_noted(
    note    text,   -- the setting gapless.column_note_...
    counted boolean -- with the rows that the statement has inserted since
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
AS $function$
DECLARE
    noted pg_catalog.text := pg_catalog.current_setting('gapless.column_note_' OPERATOR(pg_catalog.||) note, true);
    place bigint[]        := CASE WHEN pg_catalog.strpos(noted, '}') OPERATOR(pg_catalog.>) 0 THEN pg_catalog.left(noted, pg_catalog.strpos(noted, '}'))::bigint[] END;
    since bigint;
BEGIN
    IF NOT counted OR (place[1] OPERATOR(pg_catalog.<>) 0::bigint) IS NOT TRUE THEN
        RETURN place[3];
    END IF;
    since := pg_catalog.pg_stat_get_xact_tuples_inserted(place[1]::pg_catalog.oid) OPERATOR(pg_catalog.-) pg_catalog.pg_stat_get_xact_tuples_deleted(place[1]::pg_catalog.oid) OPERATOR(pg_catalog.-) place[2];
    RETURN CASE WHEN pg_catalog.current_setting('gapless.column_bounded', true) OPERATOR(pg_catalog.=) 'on'
        THEN gapless.column_step(pg_catalog.substr(noted, pg_catalog.strpos(noted, '}') OPERATOR(pg_catalog.+) 1), place[3], since)
        ELSE place[3] OPERATOR(pg_catalog.+) since
    END;
END;
$function$;

COMMENT ON FUNCTION gapless.column_noted IS
'Private, for the triggers of attach_gapless. The number that the statement''s row was given, the first or the latest, as a setting says. Runs with the rights of the trigger''s function, under any search_path.';

REVOKE ALL ON FUNCTION gapless.column_noted FROM PUBLIC;
