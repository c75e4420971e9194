-- No number twice in a sequence, by an index, too: what it has beside the number is part of the name. (A partitioned
-- table's index has to have the partition key, which need not be; there, the journal alone sees to it.)
CREATE OR REPLACE FUNCTION gapless.column_check_index(
    target        regclass,
    target_column name,
    unnumbered    text,
    name_columns  smallint[], -- that the expression name reads
    later         boolean     -- whether rows are without a number for a while
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    relation  record;
    equal     text; -- an index of which two rows without a number are equal
    number_attnum CONSTANT smallint := (SELECT a.attnum FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = target AND a.attname = target_column);
BEGIN
    SELECT c.relkind, c.relname, n.nspname
    INTO relation
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = target;
    IF relation.relkind = 'r' AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index AS i
        WHERE i.indrelid = target AND i.indisunique AND i.indisvalid
            AND number_attnum = ANY ((i.indkey::smallint[])[0: i.indnkeyatts - 1])
            AND (i.indpred IS NULL OR pg_get_expr(i.indpred, target) = ANY (gapless.column_predicates(target_column, unnumbered)))
            AND NOT EXISTS (
                SELECT
                FROM pg_catalog.pg_depend AS d
                WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid
                    AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = target
                    AND d.refobjsubid > 0
                    AND d.refobjsubid <> number_attnum
                    AND d.refobjsubid <> ALL (name_columns)
                    AND (i.indexprs IS NOT NULL OR d.refobjsubid <> ALL ((i.indkey::smallint[])[i.indnkeyatts:])) -- what it only includes
            )
            AND NOT EXISTS (
                SELECT
                FROM unnest((i.indkey::smallint[])[0: i.indnkeyatts - 1]) AS k (attnum)
                WHERE k.attnum <> number_attnum AND k.attnum > 0 AND k.attnum <> ALL (name_columns)
            )
    ) THEN
        RAISE EXCEPTION 'column "%" of table % cannot number itself: its unique indexes allow a number twice in a sequence', target_column, target
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = format('A unique index has to contain %I, and beside it only columns that the expression name reads.', target_column),
                SCHEMA = relation.nspname, TABLE = relation.relname, COLUMN = target_column, CONSTRAINT = 'attach_column';
    END IF;
    SELECT i.indexrelid::regclass::text
    INTO equal
    FROM pg_catalog.pg_index AS i
    WHERE later AND i.indrelid = target AND i.indisunique AND i.indpred IS NULL
        AND number_attnum = ANY ((i.indkey::smallint[])[0: i.indnkeyatts - 1])
        AND (i.indkey::smallint[])[0: i.indnkeyatts - 1] <@ (name_columns || number_attnum)
        AND (to_jsonb(i) ->> 'indnullsnotdistinct')::boolean -- since PostgreSQL 15
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" of table % cannot number itself: its unique index "%" takes two rows without a number for equal', target_column, target, equal
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Let it leave such rows out, by attach with make_index => true; or make it anew without NULLS NOT DISTINCT.',
                SCHEMA = relation.nspname, TABLE = relation.relname, COLUMN = target_column, CONSTRAINT = 'attach_column';
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_check_index IS
'Private, for attach_gapless. Raises 55000 where no unique index keeps a number from being in a sequence twice, or one keeps two rows from being without a number.';

REVOKE ALL ON FUNCTION gapless.column_check_index FROM PUBLIC;
