-- Whoever calls it decides when, and never which number; and for rows that the transaction has written, which are no
-- older than its xid. The rows are looked up from their notes, whatever the planner thinks of the table. It is long because it is one step: who waits, in which order, with which numbers.
CREATE OR REPLACE FUNCTION gapless.model_assign(
    target regclass,
    own    text[] -- keys of rows besides those that are noted; NULL for those alone that were assigned
) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $function$
#variable_conflict use_variable
DECLARE
    noted  record;
    rest   text;
    places tid[];
    parts  oid[]; -- if partitioned
    keys   text[];
    series text[];
    dates  timestamp[];
    taken  bigint[];
    texts  text[];
BEGIN
    IF to_regclass('gapless.model') IS DISTINCT FROM target::oid THEN
        PERFORM gapless.column_refuse('renamed', target, 'number', NULL, NULL);
    ELSIF gapless.column_named('gapless.model', 'number', '{}'::name[] /*inputs*/) IS DISTINCT FROM target::oid THEN
        PERFORM gapless.column_check_guards(target, 'number', '{}'::name[] /*inputs*/);
    END IF;
    SELECT
        bool_or(w.numbers IS NOT NULL) FILTER (WHERE w.attachment = 0 /*attachment*/) AS assigned,
        max(cardinality(w.names)) > 1 OR min(w.names[1]) <> max(w.names[1]) AS several
    INTO noted
    FROM gapless.waiting AS w
    WHERE w.txid = txid_current();
    IF own IS NULL AND noted.assigned IS NOT TRUE THEN
        RETURN '';
    END IF;
    IF noted.assigned THEN
        rest := gapless.model_rest(target);
        IF rest <> '' THEN
            RETURN rest;
        END IF;
        PERFORM gapless.column_end_wait(0 /*attachment*/);
        IF own IS NULL THEN
            RETURN '';
        END IF;
    ELSIF noted.several THEN
        PERFORM gapless.column_lock_briefly(ARRAY(SELECT DISTINCT n.name FROM gapless.waiting AS w CROSS JOIN LATERAL unnest(w.names) AS n (name) WHERE w.txid = txid_current())); -- if shard
        PERFORM gapless.column_lock_waiting();
    END IF;
    SELECT array_agg(r."~place"), array_agg(r."~series"), ARRAY[array_agg(r.key)::text]
        , array_agg(r."~dated") -- if chronology
        , array_agg(r."~part") -- if partitioned
    INTO places, series, keys
        , dates -- if chronology
        , parts -- if partitioned
    FROM (
        SELECT u.*
        FROM (
            SELECT DISTINCT ON (r."~place", r."~part")
                r."~place", r."~part", n."~n", given."~i", given.key, gapless.model_series(r.input) AS "~series", gapless.model_dated(r.input) AS "~dated"
            FROM (
                SELECT w.keys, w.cmin::text::bigint AS "~n" FROM gapless.waiting AS w WHERE w.txid = txid_current() AND w.attachment = 0 /*attachment*/
                UNION ALL
                SELECT own, -1
            ) AS n
            CROSS JOIN LATERAL unnest(n.keys) WITH ORDINALITY AS given (key, "~i")
            CROSS JOIN LATERAL (SELECT r.*, r.ctid AS "~place", r.tableoid AS "~part", r.xmin AS "~writer" FROM gapless.model AS r WHERE r.key = given.key OFFSET 0) AS r
            WHERE gapless.model_written(r.number) IS NULL AND gapless.model_due(r.input) AND age(r."~writer") <= 0
            ORDER BY r."~place", r."~part", n."~n" DESC
        ) AS u
        ORDER BY u."~dated", u."~n", u."~i"
    ) AS r;
    PERFORM gapless.column_lock_briefly(series) WHERE places IS NOT NULL; -- if shard
    IF places IS NULL THEN
        RETURN '';
    ELSIF cardinality(places) > 1 AND NOT gapless.column_has_triggers(target) THEN
        taken := gapless.column_take(target, 'number', 1 /*initial*/, series, NULL /*head*/);
        SELECT array_agg(gapless.model_text(u.value, r.input) ORDER BY u.i) -- if format
        INTO texts -- if format
        FROM unnest(places, taken) WITH ORDINALITY AS u (place, value, i) -- if format
        JOIN gapless.model AS r ON r.ctid = u.place -- if format
            AND r.tableoid = parts[u.i] -- if format if partitioned
        ; -- if format
        PERFORM gapless.model_check_text(target, u.value, u.number, r.input) -- if format
        FROM unnest(places, taken, texts) WITH ORDINALITY AS u (place, value, number, i) -- if format
        JOIN gapless.model AS r ON r.ctid = u.place -- if format
            AND r.tableoid = parts[u.i] -- if format if partitioned
        WHERE u.number IS NULL OR length(u.number) > NULL::integer /*room*/ OR NULL::bigint /*check_from*/ <= u.value; -- if format
        IF NOT gapless.column_enter_rows(target, 'number', 1 /*initial*/, 0 /*attachment*/, series, taken, texts, dates, NULL /*head*/) THEN
            PERFORM gapless.column_enter(target, 'number', 1 /*initial*/, 0 /*attachment*/, u.series, u.value, u.number, u.dated, NULL /*head*/) -- says what is wrong
            FROM unnest(series, taken, texts, dates) AS u (series, value, number, dated);
        END IF;
        PERFORM gapless.column_assign(0 /*attachment*/, keys, taken
            , texts -- if format
            , taken -- unless format
        );
    END IF;
    RETURN jsonb_build_array(places::text, taken::text
        , texts::text -- if format
        , taken::text -- unless format
        , parts::text -- if partitioned
    )::text;
END;
$function$;

COMMENT ON FUNCTION gapless.model_assign IS
'Private, a model for attach_gapless with at_commit. Where the rows stand that wait, for model_number; empty if there are none. Of several, it enters the numbers into the journal first, in the order of their dates or of their statements, and says which row gets which; unless a trigger of the table could change what a number is made of.';

REVOKE ALL ON FUNCTION gapless.model_assign FROM PUBLIC;
