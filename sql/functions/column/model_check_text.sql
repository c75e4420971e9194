CREATE OR REPLACE FUNCTION gapless.model_check_text(
    target  regclass,
    value   bigint,
    written text,
    input   text
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $function$
#variable_conflict use_variable
DECLARE
    fault text := CASE
        WHEN written IS NULL THEN 'textless'
        WHEN length(written) > NULL::integer /*room*/ THEN 'cut'
        WHEN written LIKE '%##%' AND gapless.model_text(1 /*initial*/, input) NOT LIKE '%##%' THEN 'overflown' -- by to_char
        WHEN EXISTS (
            SELECT FROM gapless.model AS r
            WHERE r.number = written AND gapless.model_series(r.input) = gapless.model_series(input) COLLATE "C"
        ) OR gapless.column_given(
            target, 'number', gapless.model_series(input), written, (value >= NULL::bigint /*repeat_from*/) IS TRUE
            , true -- if whole
            , false -- unless whole
        ) THEN 'repeated'
    END;
BEGIN
    IF fault IS NOT NULL THEN
        PERFORM gapless.column_refuse_text(fault, target, 'number', gapless.model_series(input), value, written);
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.model_check_text IS
'Private, a model for attach_gapless. Raises 22023 for the text of a number that is NULL or unnumbered, does not fit into the column or its pattern, or is there already.';

REVOKE ALL ON FUNCTION gapless.model_check_text FROM PUBLIC;
