CREATE OR REPLACE FUNCTION gapless.column_refuse_text(
    fault         text,
    target        regclass,
    target_column name,
    name          text,
    value         bigint,
    number        text
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    what   text := format('column "%s" of table %s: the format', target_column, target);
    before bigint;
BEGIN
    SELECT i.value
    INTO before
    FROM gapless.column_issued(target, target_column) AS i
    WHERE i.name = column_refuse_text.name COLLATE "C" AND i.number = column_refuse_text.number COLLATE "C"
    LIMIT 1;
    RAISE EXCEPTION '%', CASE fault
            WHEN 'textless' THEN format('%s gives no text for %s of sequence "%s"', what, value, name)
            WHEN 'cut' THEN format('%s gives %L for %s of sequence "%s", which does not fit into the column', what, number, value, name)
            WHEN 'overflown' THEN format('%s gives %L for %s of sequence "%s", since its pattern has no room', what, number, value, name)
            WHEN 'repeated' THEN format('%s gives %L for %s of sequence "%s", which %s has already', what, number, value, name,
                coalesce(before::text, 'a row from before it was attached'))
        END
        USING ERRCODE = 'invalid_parameter_value',
            HINT = CASE fault
                WHEN 'textless' THEN 'Something that the format reads is missing in the row, so that it gives NULL; or it gives what unnumbered is.'
                ELSE 'Attach the column with a format that has room for larger numbers, or with a name that begins a new sequence.'
            END,
            SCHEMA = (SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = target),
            TABLE = (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = target),
            COLUMN = target_column, CONSTRAINT = 'gapless_' || fault;
END;
$function$;

COMMENT ON FUNCTION gapless.column_refuse_text IS
'Private, for the triggers of attach_gapless. Raises 22023 for the text of a number that is NULL or unnumbered, does not fit into the column or its pattern, or was given before, and says for which value.';

REVOKE ALL ON FUNCTION gapless.column_refuse_text FROM PUBLIC;
