CREATE OR REPLACE FUNCTION gapless.column_warn_format(
    target        regclass,
    target_column name,
    initial       bigint,
    fault         text,
    value         bigint,
    before        bigint,
    detail        text
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    message text := CASE fault
        WHEN 'failed' THEN pg_catalog.format('column "%s" of table %s: the format fails for %s: %s', target_column, target, value, detail)
        WHEN 'cut' THEN pg_catalog.format('column "%s" of table %s: the format gives %L for %s, which does not fit into the column', target_column, target, detail, value)
        WHEN 'overflown' THEN pg_catalog.format('column "%s" of table %s: the format gives %L for %s, since its pattern has no room', target_column, target, detail, value)
        ELSE pg_catalog.format('column "%s" of table %s: the format gives %L for %s, as for %s', target_column, target, detail, value, before)
    END;
BEGIN
    IF value - initial < 100 THEN
        RAISE EXCEPTION '%', message
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Each value of a sequence needs a text of its own.', SCHEMA = 'gapless', COLUMN = 'format';
    END IF;
    RAISE WARNING '%', message
        USING HINT = 'Rows are refused from there on. Give it room for larger numbers, unless the series ends before.';
END;
$function$;

COMMENT ON FUNCTION gapless.column_warn_format IS
'Private, for attach_gapless. Raises 22023 for a format that fails, overflows or repeats itself within the first hundred numbers, and a warning where it does later.';

REVOKE ALL ON FUNCTION gapless.column_warn_format FROM PUBLIC;
