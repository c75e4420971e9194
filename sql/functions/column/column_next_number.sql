-- A note in a setting tells the number: the table, how many rows this transaction had inserted into it and not deleted
-- then, the next number, and the sequence. A row that did not arrive after all (ON CONFLICT, a trigger that skipped it)
-- has not been counted, so the next one gets its number; or it has been twice, as inserted and as deleted, where another
-- transaction's row with its key came meanwhile. Other deleted rows settle the note, by the trigger named leave. A
-- statement that changes between sequences leaves each one's next number in one of 64 more settings, as soon as it is
-- given: then the next change has to mend that only if its row did not arrive, or others came after it. A partition's
-- note has the time of the client's statement, since no trigger need fire at the end of one that names the partition: if
-- it is another, no row arrived since, and what was counted was rolled back. Anyone can change a setting, so nothing
-- rests on them (sql/functions/README.md). Every operator here has the very types of its operands in pg_catalog, so that
-- no other schema on the path can have a better one. It assigns where it could PERFORM, which is a query each.
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
    noted     text     := current_setting('gapless.column_note_' || note, true);
    place     bigint[] := nullif(left(noted, strpos(noted, '}')), '')::bigint[];
    series    text     := substr(noted, strpos(noted, '}') + 1);
    arrived   bigint;
    following text;
    value     bigint;
    slot      text;
    entries   text;
    entry     text;
BEGIN
    IF relation <> 0::oid AND current_setting('track_counts') = 'off' THEN
        PERFORM gapless.column_refuse('uncounted', target, target_column, name, NULL);
    END IF;
    IF place[1] = relation::bigint AND series = name AND relation <> 0::oid
        AND (place[5] IS NULL OR place[5] = (date_part('epoch', statement_timestamp()) * 1000000::double precision)::bigint)
    THEN
        arrived := pg_stat_get_xact_tuples_inserted(relation) - pg_stat_get_xact_tuples_deleted(relation) - place[2]; -- trap: the rows that arrived count
        IF current_setting('gapless.column_bounded', true) = 'on' THEN
            RETURN gapless.column_step(name, place[3], arrived, true);
        ELSIF place[3] > 9223372036854775807 - arrived THEN
            PERFORM gapless.column_refuse('exhausted', target, target_column, name, NULL);
        END IF;
        RETURN place[3] + arrived;
    END IF;

    IF series = name THEN
        value := gapless.column_settle_note(note);
    ELSIF place[4] = 1::bigint AND pg_stat_get_xact_tuples_inserted(place[1]::oid) - pg_stat_get_xact_tuples_deleted(place[1]::oid) - place[2] = 1::bigint
        AND (place[5] IS NULL OR place[5] = (date_part('epoch', statement_timestamp()) * 1000000::double precision)::bigint)
    THEN
        NULL; -- its next number was left when it was given
    ELSIF series <> '' THEN
        entry := gapless.column_leave(series, gapless.column_settle_note(note));
    END IF;
    slot := concat('gapless.column_next_', hashtext(name) & 63);
    entries := current_setting(slot, true);
    entry := concat(e'\n', hashtextextended(name, 0::bigint), e'\t');
    IF strpos(entries, entry) > 0 THEN
        following := split_part(substr(entries, strpos(entries, entry) + length(entry)), ';', 1);
        entries := replace(entries, entry || following || ';', '');
        IF (series = name) IS NOT TRUE THEN
            IF following = '-' THEN
                PERFORM gapless.column_refuse('exhausted', target, target_column, name, NULL);
            END IF;
            value := following::bigint;
        END IF;
    END IF;
    -- At a statement's first row the journal may know more: REFRESH MATERIALIZED VIEW, which may insert, sets settings back.
    IF value IS NULL OR place[1] = 0::bigint AND relation <> 0::oid THEN
        value := greatest(value, gapless.column_first_number(target, target_column, name, initial, NULL, relation, head, head_column));
    END IF;
    IF current_setting('gapless.column_bounded', true) = 'on' THEN
        value := gapless.column_step(name, value, 0::bigint, true); -- the next one may be of another range
    END IF;
    following := CASE WHEN value < 9223372036854775807 THEN (value + 1::bigint)::text ELSE '-' END;
    slot := set_config(slot, concat(entries, entry, following, ';'), true);
    IF (place[4] = 1::bigint) IS NOT TRUE THEN
        slot := set_config('gapless.column_switched', 'on', true);
    END IF;
    noted := set_config('gapless.column_note_' || note, CASE
        WHEN relation = 0::oid THEN concat('{0,0', CASE WHEN following <> '-' THEN ',' || following END, '}', name)
        ELSE concat(
            '{', relation, ',', pg_stat_get_xact_tuples_inserted(relation) - pg_stat_get_xact_tuples_deleted(relation), ',', value, ',1',
            CASE WHEN relation <> target::oid THEN concat(',', (date_part('epoch', statement_timestamp()) * 1000000::double precision)::bigint) END,
            '}', name
        )
    END, true);
    RETURN value;
END;
$function$;

COMMENT ON FUNCTION gapless.column_next_number IS
'Private, for the triggers of attach_gapless. The number of the row in hand: the one after the statement''s row before it, which is told by a setting that column_enter''s check makes safe, or column_first_number''s. Runs with the rights and the search_path of the trigger''s function, for speed. Locks and raises as column_first_number.';

REVOKE ALL ON FUNCTION gapless.column_next_number FROM PUBLIC;
