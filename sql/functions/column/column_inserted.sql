CREATE OR REPLACE FUNCTION gapless.column_inserted(
    target        regclass,
    target_column name
) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN pg_stat_get_xact_tuples_inserted(target) + (
        SELECT coalesce(sum(pg_stat_get_xact_tuples_inserted(o.relation)), 0)::bigint
        FROM gapless.column_others(target, target_column) AS o
    );
END;
$function$;

COMMENT ON FUNCTION gapless.column_inserted IS
'Private, for the triggers of attach_gapless. How many rows the transaction has inserted into the tables that share the series of a column.';

REVOKE ALL ON FUNCTION gapless.column_inserted FROM PUBLIC;
