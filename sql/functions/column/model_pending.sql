CREATE OR REPLACE FUNCTION gapless.model_pending(
    target regclass,
    series text,
    value  bigint
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $function$
#variable_conflict use_variable
DECLARE
    rows   bigint;
    before text; -- if format
    dated  timestamp;
BEGIN
    SELECT count(*), min(gapless.model_dated(r.input))
        , min(r.number) -- if format
    INTO rows, dated
        , before -- if format
    FROM gapless.model AS r
    WHERE gapless.model_series(r.input) = series COLLATE "C" AND r.number = gapless.model_text(value, r.input);
    IF rows = 1 THEN
        PERFORM gapless.column_enter(target, 'number', 1 /*initial*/, 0 /*attachment*/, series, value, before, dated, NULL /*head*/); -- if format
        PERFORM gapless.column_enter(target, 'number', 1 /*initial*/, 0 /*attachment*/, series, value, NULL, dated, NULL /*head*/); -- unless format
    ELSIF rows > 1 THEN
        PERFORM gapless.column_refuse('torn', target, 'number', series, NULL);
    END IF;
    RETURN rows = 1;
END;
$function$;

COMMENT ON FUNCTION gapless.model_pending IS
'Private, a model for attach_gapless. Enters the next number of a series into the journal, if a row has it, and returns whether one has. Raises 40001 where more have it.';

REVOKE ALL ON FUNCTION gapless.model_pending FROM PUBLIC;
