-- It runs as the owner of target, and calls functions of that owner alone: another one's would have its rights.
CREATE OR REPLACE FUNCTION gapless.column_enter_elsewhere(
    target        regclass,
    target_column name,
    series        text,
    value         bigint
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    other   record;
    entered boolean;
BEGIN
    FOR other IN
        SELECT o.relation, n.nspname, p.proname
        FROM gapless.column_others(target, target_column) AS o
        JOIN pg_catalog.pg_proc AS f ON f.oid = o.function
        JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
        JOIN pg_catalog.pg_proc AS p ON p.pronamespace = f.pronamespace AND p.proname = f.proname || '_pending'
        JOIN pg_catalog.pg_class AS c ON c.oid = target
        WHERE p.proowner = c.relowner
    LOOP
        EXECUTE format('SELECT %I.%I($1, $2, $3)', other.nspname, other.proname) INTO entered USING other.relation, series, value;
        IF entered THEN
            RETURN;
        END IF;
    END LOOP;
    PERFORM gapless.column_refuse('torn', target, target_column, series, NULL);
END;
$function$;

COMMENT ON FUNCTION gapless.column_enter_elsewhere IS
'Private, for the triggers of attach_gapless. Enters the next number of a series into the journal which a row of another table of the same owner has that shares the series. Raises 40001 where none has.';

REVOKE ALL ON FUNCTION gapless.column_enter_elsewhere FROM PUBLIC;
