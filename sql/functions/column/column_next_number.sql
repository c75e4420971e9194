-- A note in a setting tells the number: the table, how many rows this transaction had inserted into it then, the next
-- number, and the sequence. A row that did not arrive after all (ON CONFLICT, a trigger that skipped it) has not been
-- counted, so the next one gets its number. A statement that changes between sequences leaves the others' next numbers
-- in 64 more settings. A partition's note has the time of the client's statement, since no trigger need fire at the end of
-- one that names the partition: if it is another, no row arrived since, and what was counted was rolled back. Anyone can change a setting, so nothing rests on them (sql/functions/README.md). Every operator
-- here has the very types of its operands in pg_catalog, so that no other schema on the path can have a better one.
CREATE OR REPLACE FUNCTION gapless.column_next_number(
    target        regclass,
    target_column name,
    initial       bigint,
    note          text, -- the setting gapless.column_note_...
    relation      oid,  -- the table or partition that gets the row; 0 for an UPDATE, whose row is there
    name          text
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
AS $function$
DECLARE
    noted     text     := current_setting('gapless.column_note_' || note, true);
    place     bigint[] := nullif(left(noted, strpos(noted, '}')), '')::bigint[];
    series    text     := substr(noted, strpos(noted, '}') + 1);
    following bigint;
    value     bigint;
    slot      text;
    entries   text;
    entry     text;
BEGIN
    IF relation <> 0::oid AND current_setting('track_counts') = 'off' THEN
        PERFORM gapless.column_refuse('uncounted', target, target_column, name, NULL);
    END IF;
    IF place[1] = relation::bigint AND series = name AND relation <> 0::oid
        AND (place[4] IS NULL OR place[4] = (date_part('epoch', statement_timestamp()) * 1000000::double precision)::bigint)
    THEN
        following := pg_stat_get_xact_tuples_inserted(relation) - place[2]; -- trap: the rows that arrived count
        IF place[3] > 9223372036854775807 - following THEN
            PERFORM gapless.column_refuse('exhausted', target, target_column, name, NULL);
        END IF;
        RETURN place[3] + following;
    END IF;

    following := gapless.column_settle_note(note);
    IF series = name THEN
        value := following;
    ELSE
        IF following IS NOT NULL THEN
            PERFORM set_config('gapless.column_switched', 'on', true);
            slot := 'gapless.column_next_' || (hashtext(series) & 63)::text;
            PERFORM set_config(slot, coalesce(current_setting(slot, true), '') || e'\n' || hashtextextended(series, 0::bigint)::text || e'\t' || following::text || ';', true);
        END IF;
        slot := 'gapless.column_next_' || (hashtext(name) & 63)::text;
        entries := current_setting(slot, true);
        entry := e'\n' || hashtextextended(name, 0::bigint)::text || e'\t';
        IF strpos(entries, entry) > 0 THEN
            value := split_part(substr(entries, strpos(entries, entry) + length(entry)), ';', 1)::bigint;
            PERFORM set_config(slot, replace(entries, entry || value::text || ';', ''), true);
        END IF;
    END IF;
    -- At a statement's first row the journal may know more: REFRESH MATERIALIZED VIEW, which may insert, sets settings back.
    IF value IS NULL OR place[1] = 0::bigint AND relation <> 0::oid THEN
        value := greatest(value, gapless.column_first_number(target, target_column, name, initial, NULL, relation));
    END IF;
    PERFORM set_config('gapless.column_note_' || note, CASE
        WHEN relation <> 0::oid THEN '{' || relation::text || ',' || pg_stat_get_xact_tuples_inserted(relation)::text || ',' || value::text
            || CASE WHEN relation <> target::oid THEN ',' || (date_part('epoch', statement_timestamp()) * 1000000::double precision)::bigint::text ELSE '' END || '}'
        WHEN value < 9223372036854775807 THEN '{0,0,' || (value + 1::bigint)::text || '}'
        ELSE '{0,0,NULL}'
    END || name, true);
    RETURN value;
END;
$function$;

COMMENT ON FUNCTION gapless.column_next_number IS
'Private, for the triggers of attach_gapless. The number of the row in hand: the one after the statement''s row before it, which is told by a setting that column_enter''s check makes safe, or column_first_number''s. Runs with the rights and the search_path of the trigger''s function, for speed. Locks and raises as column_first_number.';

REVOKE ALL ON FUNCTION gapless.column_next_number FROM PUBLIC;
