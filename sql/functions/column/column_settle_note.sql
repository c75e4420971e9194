-- At a statement's end, where a row is deleted, and where one gets no number: what is counted from here on is not column_next_number's.
CREATE OR REPLACE FUNCTION gapless.column_settle_note(
    note text -- the setting gapless.column_note_...
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
AS $function$
DECLARE
    noted     text     := current_setting('gapless.column_note_' || note, true);
    place     bigint[] := nullif(left(noted, strpos(noted, '}')), '')::bigint[];
    following bigint;
BEGIN
    IF place[1] <> 0::bigint THEN
        following := CASE
            WHEN place[5] <> (date_part('epoch', statement_timestamp()) * 1000000::double precision)::bigint THEN 0::bigint -- trap: a statement that inserted nothing has ended
            ELSE pg_stat_get_xact_tuples_inserted(place[1]::oid) - pg_stat_get_xact_tuples_deleted(place[1]::oid) - place[2]
        END;
        IF following > 1::bigint AND current_setting('gapless.column_bounded', true) = 'on' THEN -- the last one's may be of another range than the first's
            place[3] := gapless.column_step(substr(noted, strpos(noted, '}') + 1), place[3], following - 1::bigint);
            following := 1::bigint;
        END IF;
        place[3] := CASE WHEN place[3] <= 9223372036854775807 - following THEN place[3] + following END;
        noted := set_config('gapless.column_note_' || note, '{0,0' || coalesce(',' || place[3]::text, '') || '}' || substr(noted, strpos(noted, '}') + 1), true);
    END IF;
    RETURN place[3];
END;
$function$;

COMMENT ON FUNCTION gapless.column_settle_note IS
'Private, for the triggers of attach_gapless. Brings column_next_number''s note up to date; the number that it has for the next row. Runs with the rights and the search_path of the trigger''s function.';

REVOKE ALL ON FUNCTION gapless.column_settle_note FROM PUBLIC;
