-- Triggers fire in the order of the columns' names: an expression would see another column's number, or none.
CREATE OR REPLACE FUNCTION gapless.column_check_others(
    target        regclass,
    target_column name,
    inputs        smallint[] -- the columns that its expressions read
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    fault text;
BEGIN
    SELECT CASE
        WHEN t.attnum = ANY (inputs) THEN format('its expressions read column "%s", which numbers itself, too', t.column_name)
        ELSE format('the expressions of column "%s", which numbers itself, too, read it', t.column_name)
    END
    INTO fault
    FROM gapless.attachment AS t
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = target AND a.attname = target_column
    WHERE t.relation = target
        AND t.attnum <> a.attnum
        AND (t.attnum = ANY (inputs) OR EXISTS (
            SELECT
            FROM gapless.guard AS g
            JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_trigger'::regclass AND d.objid = g.trigger
                AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = target
            WHERE g.relation = target AND g.column_name = t.column_name AND g.purpose = 'update' AND d.refobjsubid = a.attnum
        ))
    LIMIT 1;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'column "%" of table % cannot number itself: %', target_column, target, fault
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Let the expressions read what the other number is made of.',
                SCHEMA = (SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = target),
                TABLE = (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = target), COLUMN = target_column, CONSTRAINT = 'attach_column';
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_check_others IS
'Private, for attach_gapless. Raises 55000 where the expressions of one attached column read another one.';

REVOKE ALL ON FUNCTION gapless.column_check_others FROM PUBLIC;
