-- The rows of a partitioned table one by one: PostgreSQL fires no statement trigger of it for what is written to a
-- partition. Where constraints are immediate, the rows have been numbered already, and perhaps not all.
CREATE OR REPLACE FUNCTION gapless.model_note() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $function$
#variable_conflict use_variable
DECLARE
    expected text := current_setting('gapless.commit_expected', true);
    noted    record;
BEGIN
    BEGIN
        IF gapless.column_named('gapless.model', 'number', '{}'::name[] /*inputs*/) IS DISTINCT FROM 0 /*target*/ THEN -- unless partitioned
            PERFORM gapless.column_check_guards(TG_RELID, 'number', '{}'::name[] /*inputs*/); -- unless partitioned
        END IF; -- unless partitioned
        expected := CASE WHEN num_nonnulls(ARRAY[NEW.key]::text, NEW.number, NEW.input) > 0 THEN expected END; -- if partitioned
        SELECT
            count(*) AS rows,
            min(r."~series") AS first,
            max(r."~series") AS last,
            bool_and(
                (octet_length(r."~series") BETWEEN 1 AND 255) IS TRUE
                AND r."~dated" IS NOT NULL -- if chronology
            ) AS sound,
            bool_or(r."~series" IS NULL) AS unnamed,
            min(r."~series") FILTER (WHERE octet_length(r."~series") NOT BETWEEN 1 AND 255) AS misnamed,
            min(r."~series") FILTER (WHERE r."~dated" IS NULL) AS undated,
            ARRAY[array_agg(r.key)::text] AS keys,
            '' AS done
        INTO noted
        FROM (
            SELECT r.key, gapless.model_series(r.input) COLLATE "C" AS "~series", gapless.model_dated(r.input) AS "~dated"
            FROM inserted AS r
            WHERE gapless.model_written(r.number) IS NULL AND gapless.model_due(r.input)
        ) AS r;
    EXCEPTION WHEN undefined_column THEN
        PERFORM gapless.column_check_guards(TG_RELID, 'number', '{}'::name[] /*inputs*/);
        PERFORM gapless.column_refuse('misnamed', 0 /*target*/, 'number', NULL, NULL) WHERE SQLERRM ~ '\mr\.|"new"'; -- the primary key
        RAISE;
    END;
    IF noted.rows = 1 AND noted.sound AND (expected <> '') IS NOT TRUE THEN -- unless partitioned
        expected := concat(set_config('gapless.commit_expected', '0' /*attachment*/ || '=' || noted.first, true), set_config('gapless.commit_first', noted.keys::text, true)); -- unless partitioned
        RETURN NULL; -- unless partitioned
    END IF; -- unless partitioned
    IF noted.rows = 0 THEN
        RETURN NULL;
    ELSIF noted.unnamed THEN
        PERFORM gapless.column_refuse('unnamed', 0 /*target*/, 'number', NULL, NULL);
    ELSIF noted.misnamed IS NOT NULL THEN
        PERFORM gapless.check_name(noted.misnamed);
    ELSIF noted.undated IS NOT NULL THEN -- if chronology
        PERFORM gapless.column_refuse('undated', 0 /*target*/, 'number', noted.undated, NULL); -- if chronology
    END IF;
    PERFORM gapless.column_note_first() WHERE expected <> '0=';
    noted.done := set_config('gapless.commit_done_0' /*done*/, '', true);
    noted.done := set_config('gapless.commit_at_once', '', true);
    INSERT INTO gapless.waiting (attachment, names, keys)
    SELECT 0 /*attachment*/, CASE
        WHEN noted.first = noted.last THEN ARRAY[noted.first]
        ELSE ARRAY(SELECT DISTINCT gapless.model_series(r.input) COLLATE "C" FROM inserted AS r WHERE gapless.model_written(r.number) IS NULL AND gapless.model_due(r.input))
    END, noted.keys;
    noted.done := set_config('gapless.commit_expected', '0=', true);
    IF current_setting('gapless.commit_at_once') = 'on' AND (current_setting('gapless.commit_column', true) = '0' /*attachment*/) IS NOT TRUE THEN
        PERFORM gapless.model_finish(0 /*target*/, noted.keys);
    END IF;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION gapless.model_note IS
'Private, a model for attach_gapless with at_commit: AFTER INSERT FOR EACH STATEMENT; in a partitioned table FOR EACH ROW. Notes the rows that wait for their numbers, but for a transaction''s first row, which stays in settings until there is another one.';

REVOKE ALL ON FUNCTION gapless.model_note FROM PUBLIC;
