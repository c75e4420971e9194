-- At a statement's end, where a row is deleted, and where one gets no number: what is counted from here on is not column_next_number's.
CREATE OR REPLACE FUNCTION gapless.column_settle_note(
    note text -- the setting gapless.column_note_...
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
AS $function$
DECLARE
    noted     pg_catalog.text := pg_catalog.current_setting('gapless.column_note_' OPERATOR(pg_catalog.||) note, true);
    place     bigint[]        := CASE WHEN pg_catalog.strpos(noted, '}') OPERATOR(pg_catalog.>) 0 THEN pg_catalog.left(noted, pg_catalog.strpos(noted, '}'))::bigint[] END;
    following bigint;
BEGIN
    IF place[1] OPERATOR(pg_catalog.<>) 0::bigint THEN
        following := CASE
            WHEN place[5] OPERATOR(pg_catalog.<>) (pg_catalog.date_part('epoch', pg_catalog.statement_timestamp()) OPERATOR(pg_catalog.*) 1000000::double precision)::bigint THEN 0::bigint -- trap: a statement that inserted nothing has ended
            ELSE pg_catalog.pg_stat_get_xact_tuples_inserted(place[1]::pg_catalog.oid) OPERATOR(pg_catalog.-) pg_catalog.pg_stat_get_xact_tuples_deleted(place[1]::pg_catalog.oid) OPERATOR(pg_catalog.-) place[2]
        END;
        IF following OPERATOR(pg_catalog.>) 1::bigint AND pg_catalog.current_setting('gapless.column_bounded', true) OPERATOR(pg_catalog.=) 'on' THEN -- the last one's may be of another range than the first's
            place[3] := gapless.column_step(pg_catalog.substr(noted, pg_catalog.strpos(noted, '}') OPERATOR(pg_catalog.+) 1), place[3], following OPERATOR(pg_catalog.-) 1::bigint);
            following := 1::bigint;
        END IF;
        place[3] := CASE WHEN place[3] OPERATOR(pg_catalog.<=) (9223372036854775807 OPERATOR(pg_catalog.-) following) THEN place[3] OPERATOR(pg_catalog.+) following END;
        noted := pg_catalog.set_config('gapless.column_note_' OPERATOR(pg_catalog.||) note, '{0,0' OPERATOR(pg_catalog.||) coalesce(',' OPERATOR(pg_catalog.||) place[3]::pg_catalog.text, '') OPERATOR(pg_catalog.||) '}' OPERATOR(pg_catalog.||) pg_catalog.substr(noted, pg_catalog.strpos(noted, '}') OPERATOR(pg_catalog.+) 1), true);
    END IF;
    RETURN place[3];
END;
$function$;

COMMENT ON FUNCTION gapless.column_settle_note IS
'Private, for the triggers of attach_gapless. Brings column_next_number''s note up to date; the number that it has for the next row. Runs with the rights of the trigger''s function, under any search_path.';

REVOKE ALL ON FUNCTION gapless.column_settle_note FROM PUBLIC;
