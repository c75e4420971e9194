CREATE OR REPLACE FUNCTION gapless.model_enter(
    target regclass,
    number text,
    input  text
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $function$
#variable_conflict use_variable
DECLARE
    series CONSTANT text := gapless.model_series(input);
    next   bigint;
    value  bigint;
BEGIN
    IF gapless.column_entered(
        series
        , number, NULL -- if format
        , NULL, number -- unless format
        , 0 /*attachment*/
    ) IS NOT NULL THEN
        IF (SELECT count(*) FROM gapless.model AS r WHERE r.number = number AND gapless.model_series(r.input) = series COLLATE "C") > 1 THEN
            PERFORM gapless.column_refuse('torn', target, 'number', series, NULL);
        END IF;
        RETURN;
    END IF;
    next := (gapless.column_values(target, 'number', 1 /*initial*/, ARRAY[series], NULL /*head*/))[1];
    SELECT v.value -- if format
    INTO value -- if format
    FROM generate_series(0::bigint, least(pg_stat_get_xact_tuples_inserted(target) + 64, 9223372036854775807 - greatest(next, 0))) AS i -- if format
    CROSS JOIN LATERAL (SELECT CASE WHEN current_setting('gapless.column_bounded', true) = 'on' THEN gapless.column_step(series, next, i) ELSE next + i END AS value) AS v -- if format
    WHERE gapless.model_text(v.value, input) = number -- if format
    LIMIT 1; -- if format
    IF value IS NULL THEN -- if format
        SELECT v.value -- if format
        INTO value -- if format
        FROM generate_series(0::bigint, least(gapless.column_inserted(target, 'number') + 64, 9223372036854775807 - greatest(next, 0))) AS i -- if format
        CROSS JOIN LATERAL (SELECT CASE WHEN current_setting('gapless.column_bounded', true) = 'on' THEN gapless.column_step(series, next, i) ELSE next + i END AS value) AS v -- if format
        WHERE gapless.model_text(v.value, input) = number -- if format
        LIMIT 1; -- if format
    END IF; -- if format
    value := number; -- unless format
    IF (value >= next) IS NOT TRUE THEN
        PERFORM gapless.column_refuse('written', target, 'number', series, number::text);
    ELSIF to_regclass('gapless.model') IS DISTINCT FROM target::oid THEN
        PERFORM gapless.column_refuse('renamed', target, 'number', NULL, NULL);
    END IF;
    -- Other rows of the query come before: an UPDATE's, or those of a statement around this one, perhaps in a table that
    -- shares the series.
    WHILE next < value LOOP
        IF NOT gapless.model_pending(target, series, next) THEN
            PERFORM gapless.column_enter_elsewhere(target, 'number', series, next);
        END IF;
        next := (gapless.column_values(target, 'number', 1 /*initial*/, ARRAY[series], NULL /*head*/))[1];
    END LOOP;
    PERFORM gapless.column_enter(target, 'number', 1 /*initial*/, 0 /*attachment*/, series, value, number, gapless.model_dated(input), NULL /*head*/); -- if format
    PERFORM gapless.column_enter(target, 'number', 1 /*initial*/, 0 /*attachment*/, series, value, NULL, gapless.model_dated(input), NULL /*head*/); -- unless format
END;
$function$;

COMMENT ON FUNCTION gapless.model_enter IS
'Private, a model for attach_gapless. Enters the number of one row that arrived into the journal, and those before it of rows that are in the table and not in the journal yet. Raises 428C9 for a number that gapless did not give, 40001 where a row before it is missing.';

REVOKE ALL ON FUNCTION gapless.model_enter FROM PUBLIC;
