-- A note in a setting tells the number: the table, how many rows this transaction had inserted into it and not deleted
-- then, the next number, and the sequence. A row that did not arrive after all (ON CONFLICT, a trigger that skipped it)
-- has not been counted, so the next one gets its number; or it has been twice, as inserted and as deleted, where another
-- transaction's row with its key came meanwhile. Other deleted rows settle the note, by the trigger named leave. A
-- statement that changes between sequences leaves each one's next number in one of 64 more settings, as soon as it is
-- given: then the next change has to mend that only if its row did not arrive, or others came after it. A partition's
-- note has the time of the client's statement, since no trigger need fire at the end of one that names the partition: if
-- it is another, no row arrived since, and what was counted was rolled back. Anyone can change a setting, so nothing
-- rests on them (sql/functions/README.md). It runs with its caller's rights, under any search_path: all is qualified.
-- OPERATOR() binds alike whatever is in it. It assigns where it could PERFORM, which is a query each.
CREATE OR REPLACE FUNCTION gapless.column_next_number(
    target        regclass,
    target_column name,
    initial       bigint,
    note          text, -- the setting gapless.column_note_...
    relation      oid,  -- the table or partition that gets the row; 0 for an UPDATE, whose row is there
    name          text,
    head          regclass DEFAULT NULL, -- the column whose series it shares; NULL: its own
    head_column   name     DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
AS $function$
DECLARE
    noted     pg_catalog.text := pg_catalog.current_setting('gapless.column_note_' OPERATOR(pg_catalog.||) note, true);
    place     bigint[]        := CASE WHEN pg_catalog.strpos(noted, '}') OPERATOR(pg_catalog.>) 0 THEN pg_catalog.left(noted, pg_catalog.strpos(noted, '}'))::bigint[] END;
    series    pg_catalog.text := pg_catalog.substr(noted, pg_catalog.strpos(noted, '}') OPERATOR(pg_catalog.+) 1);
    arrived   bigint;
    following pg_catalog.text;
    value     bigint;
    slot      pg_catalog.text;
    entries   pg_catalog.text;
    entry     pg_catalog.text;
BEGIN
    IF relation OPERATOR(pg_catalog.<>) 0::pg_catalog.oid AND pg_catalog.current_setting('track_counts') OPERATOR(pg_catalog.=) 'off' THEN
        PERFORM gapless.column_refuse('uncounted', target, target_column, name, NULL);
    END IF;
    IF place[1] OPERATOR(pg_catalog.=) relation::bigint AND series OPERATOR(pg_catalog.=) name AND relation OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
        AND (place[5] IS NULL OR place[5] OPERATOR(pg_catalog.=) (pg_catalog.date_part('epoch', pg_catalog.statement_timestamp()) OPERATOR(pg_catalog.*) 1000000::double precision)::bigint)
    THEN
        arrived := pg_catalog.pg_stat_get_xact_tuples_inserted(relation) OPERATOR(pg_catalog.-) pg_catalog.pg_stat_get_xact_tuples_deleted(relation) OPERATOR(pg_catalog.-) place[2]; -- trap: the rows that arrived count
        IF pg_catalog.current_setting('gapless.column_bounded', true) OPERATOR(pg_catalog.=) 'on' THEN
            RETURN gapless.column_step(name, place[3], arrived, true);
        ELSIF place[3] OPERATOR(pg_catalog.>) (9223372036854775807 OPERATOR(pg_catalog.-) arrived) THEN
            PERFORM gapless.column_refuse('exhausted', target, target_column, name, NULL);
        END IF;
        RETURN place[3] OPERATOR(pg_catalog.+) arrived;
    END IF;

    IF series OPERATOR(pg_catalog.=) name THEN
        value := gapless.column_settle_note(note);
    ELSIF place[4] OPERATOR(pg_catalog.=) 1::bigint AND pg_catalog.pg_stat_get_xact_tuples_inserted(place[1]::pg_catalog.oid) OPERATOR(pg_catalog.-) pg_catalog.pg_stat_get_xact_tuples_deleted(place[1]::pg_catalog.oid) OPERATOR(pg_catalog.-) place[2] OPERATOR(pg_catalog.=) 1::bigint
        AND (place[5] IS NULL OR place[5] OPERATOR(pg_catalog.=) (pg_catalog.date_part('epoch', pg_catalog.statement_timestamp()) OPERATOR(pg_catalog.*) 1000000::double precision)::bigint)
    THEN
        NULL; -- its next number was left when it was given
    ELSIF series OPERATOR(pg_catalog.<>) '' THEN
        entry := gapless.column_leave(series, gapless.column_settle_note(note));
    END IF;
    slot := pg_catalog.concat('gapless.column_next_', pg_catalog.hashtext(name) OPERATOR(pg_catalog.&) 63);
    entries := pg_catalog.current_setting(slot, true);
    entry := pg_catalog.concat(e'\n', pg_catalog.hashtextextended(name, 0::bigint), e'\t');
    IF pg_catalog.strpos(entries, entry) OPERATOR(pg_catalog.>) 0 THEN
        following := pg_catalog.split_part(pg_catalog.substr(entries, pg_catalog.strpos(entries, entry) OPERATOR(pg_catalog.+) pg_catalog.length(entry)), ';', 1);
        entries := pg_catalog.replace(entries, entry OPERATOR(pg_catalog.||) following OPERATOR(pg_catalog.||) ';', '');
        IF (series OPERATOR(pg_catalog.=) name) IS NOT TRUE THEN
            IF following OPERATOR(pg_catalog.=) '-' THEN
                PERFORM gapless.column_refuse('exhausted', target, target_column, name, NULL);
            END IF;
            value := following::bigint;
        END IF;
    END IF;
    -- At a statement's first row the journal may know more: REFRESH MATERIALIZED VIEW, which may insert, sets settings back.
    IF value IS NULL OR place[1] OPERATOR(pg_catalog.=) 0::bigint AND relation OPERATOR(pg_catalog.<>) 0::pg_catalog.oid THEN
        value := greatest(value, gapless.column_first_number(target, target_column, name, initial, NULL, relation, head, head_column));
    END IF;
    IF pg_catalog.current_setting('gapless.column_bounded', true) OPERATOR(pg_catalog.=) 'on' THEN
        value := gapless.column_step(name, value, 0::bigint, true); -- the next one may be of another range
    END IF;
    following := CASE WHEN value OPERATOR(pg_catalog.<) 9223372036854775807 THEN (value OPERATOR(pg_catalog.+) 1::bigint)::pg_catalog.text ELSE '-' END;
    slot := pg_catalog.set_config(slot, pg_catalog.concat(entries, entry, following, ';'), true);
    IF (place[4] OPERATOR(pg_catalog.=) 1::bigint) IS NOT TRUE THEN
        slot := pg_catalog.set_config('gapless.column_switched', 'on', true);
    END IF;
    noted := pg_catalog.set_config('gapless.column_note_' OPERATOR(pg_catalog.||) note, CASE
        WHEN relation OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN pg_catalog.concat('{0,0', CASE WHEN following OPERATOR(pg_catalog.<>) '-' THEN ',' OPERATOR(pg_catalog.||) following END, '}', name)
        ELSE pg_catalog.concat(
            '{', relation, ',', pg_catalog.pg_stat_get_xact_tuples_inserted(relation) OPERATOR(pg_catalog.-) pg_catalog.pg_stat_get_xact_tuples_deleted(relation), ',', value, ',1',
            CASE WHEN relation OPERATOR(pg_catalog.<>) target::pg_catalog.oid THEN pg_catalog.concat(',', (pg_catalog.date_part('epoch', pg_catalog.statement_timestamp()) OPERATOR(pg_catalog.*) 1000000::double precision)::bigint) END,
            '}', name
        )
    END, true);
    RETURN value;
END;
$function$;

COMMENT ON FUNCTION gapless.column_next_number IS
'Private, for the triggers of attach_gapless. The number of the row in hand: the one after the statement''s row before it, which is told by a setting that column_enter''s check makes safe, or column_first_number''s. Runs with the rights of the trigger''s function, under any search_path. Locks and raises as column_first_number.';

REVOKE ALL ON FUNCTION gapless.column_next_number FROM PUBLIC;
