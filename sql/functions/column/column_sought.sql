CREATE OR REPLACE FUNCTION gapless.column_sought(
    target        regclass,
    target_column name,
    inputs        name[], -- in the order of the columns
    inverse       boolean DEFAULT false -- whether it is known what they have
) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN inputs <> '{}' AND EXISTS (
        SELECT
        FROM pg_catalog.pg_index AS i
        JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
        JOIN pg_catalog.pg_am AS m ON m.oid = c.relam AND m.amname = 'btree'
        WHERE i.indrelid = target AND i.indisvalid
            AND (i.indpred IS NULL OR pg_get_expr(i.indpred, target) = (gapless.column_predicates(target_column, NULL))[1])
            AND inputs = ARRAY(
                SELECT a.attname
                FROM generate_series(1, cardinality(inputs)) AS k (i)
                JOIN pg_catalog.pg_attribute AS a ON a.attrelid = target AND a.attnum = (i.indkey::smallint[])[k.i - 1] AND a.attnum > 0 AND (inverse OR a.attnotnull)
                    AND a.attcollation = (i.indcollation::oid[])[k.i - 1]
                JOIN pg_catalog.pg_opclass AS o ON o.oid = (i.indclass::oid[])[k.i - 1] AND o.opcdefault
                WHERE (i.indoption::smallint[])[k.i - 1] = 0
                ORDER BY k.i
            )
    ) AND (inverse OR gapless.column_repeated(target, inputs));
END;
$function$;

COMMENT ON FUNCTION gapless.column_sought IS
'Private, for the function that attach_gapless makes for the audit. Whether rows are found sooner by what the expressions read of them than by a look at each: whether a btree index of the table begins with these columns, and it is known what they have; or they are NOT NULL, and have few combinations.';

REVOKE ALL ON FUNCTION gapless.column_sought FROM PUBLIC;
