-- What an index takes for equal, as a collation that is not deterministic does, and citext, may be names of two series: the
-- numbers of the one then keep out those of the other. It is long because a column's type may be made of others.
CREATE OR REPLACE FUNCTION gapless.column_check_spelling(
    target        regclass,
    target_column name,
    spelled       smallint[] -- the columns whose spelling the expression name tells
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    wrong record;
BEGIN
    SELECT
        i.indexrelid::regclass::text AS index,
        string_agg(CASE WHEN coarse.printable THEN '(%s::text)' WHEN k.compared = 0 OR k.attnum = 0 THEN '%s' WHEN l.collisdeterministic THEN '(%s::text) COLLATE "C"' ELSE '%s COLLATE "C"' END, ', ' ORDER BY k.i) AS pattern,
        array_agg(pg_get_indexdef(i.indexrelid, k.i::integer, true) ORDER BY k.i) AS keys,
        bool_or(NOT coarse.printable) AS unprintable,
        a.attnum
    INTO wrong
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = target AND a.attname = target_column
    CROSS JOIN LATERAL unnest((i.indkey::smallint[])[0: i.indnkeyatts - 1], i.indcollation::oid[], i.indclass::oid[]) WITH ORDINALITY AS k (attnum, compared, class, i)
    JOIN pg_catalog.pg_opclass AS o ON o.oid = k.class
    JOIN pg_catalog.pg_type AS t ON t.oid = o.opcintype
    LEFT JOIN LATERAL (
        WITH RECURSIVE part (type, modifier, compared, whole) AS ( -- what the column is made of
            SELECT c.atttypid, c.atttypmod, 0::oid, true
            FROM pg_catalog.pg_attribute AS c
            WHERE c.attrelid = target AND c.attnum = k.attnum AND k.attnum = ANY (spelled)
            UNION
            SELECT s.type, s.modifier, s.compared, p.whole AND y.typtype = 'd'
            FROM part AS p
            JOIN pg_catalog.pg_type AS y ON y.oid = p.type
            CROSS JOIN LATERAL (
                SELECT y.typbasetype, greatest(p.modifier, y.typtypmod), p.compared WHERE y.typtype = 'd'
                UNION ALL
                SELECT y.typelem, p.modifier, p.compared WHERE y.typcategory = 'A'
                UNION ALL
                SELECT CASE y.typtype WHEN 'r' THEN r.rngsubtype ELSE r.rngtypid END, -1, r.rngcollation FROM pg_catalog.pg_range AS r WHERE y.oid IN (r.rngtypid, r.rngmultitypid)
                UNION ALL
                SELECT e.atttypid, e.atttypmod, e.attcollation FROM pg_catalog.pg_attribute AS e WHERE y.typtype = 'c' AND e.attrelid = y.typrelid AND e.attnum > 0 AND NOT e.attisdropped
            ) AS s (type, modifier, compared)
        )
        SELECT bool_and(p.whole AND p.type IN ('numeric'::regtype, 'jsonb'::regtype)) -- the others' texts come from settings, too
        FROM part AS p
        JOIN pg_catalog.pg_type AS y ON y.oid = p.type
        WHERE p.type IN ('jsonb'::regtype, 'float4'::regtype, 'float8'::regtype, 'interval'::regtype)
            OR p.type = 'numeric'::regtype AND p.modifier < 0 -- else it is of one scale
            OR NOT p.whole AND (
                y.typcategory = 'S' AND y.typtype = 'b' AND y.typnamespace <> 'pg_catalog'::regnamespace -- citext
                OR EXISTS (SELECT FROM pg_catalog.pg_collation AS l WHERE l.oid = p.compared AND NOT l.collisdeterministic)
            )
        HAVING count(*) > 0
    ) AS coarse (printable) ON true -- 1.0 is 1.00, 0 is -0, and a day is 24 hours
    LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = k.compared
    WHERE i.indrelid = target AND i.indisunique AND a.attnum = ANY ((i.indkey::smallint[])[0: i.indnkeyatts - 1])
    GROUP BY i.indexrelid, a.attnum
    HAVING bool_or(k.attnum = ANY (spelled || a.attnum) AND (NOT l.collisdeterministic OR coarse.printable IS NOT NULL OR t.typcategory = 'S' AND t.oid <> 'bpchar'::regtype AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_amproc AS p WHERE p.amprocfamily = o.opcfamily AND p.amprocnum = 4 -- equal is equal byte by byte; char(n) is but for blanks, which its text lacks
    )))
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" of table % cannot number itself: its unique index "%" takes names of different series for equal', target_column, target, wrong.index
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = CASE
                    WHEN wrong.unprintable THEN 'Let the column be of a type whose equal values have one text, such as an integer, numeric(10, 2), text.'
                    ELSE pg_catalog.format('CREATE UNIQUE INDEX ON %s (%s), and drop that one; or let the expression name read lower(...), or an integer.', target, format(wrong.pattern, VARIADIC wrong.keys))
                END,
                SCHEMA = (SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = target),
                TABLE = (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = target), COLUMN = target_column, CONSTRAINT = 'attach_column';
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_check_spelling IS
'Private, for attach_gapless. Raises 55000 where a unique index takes texts for equal of which the expression name makes different series.';

REVOKE ALL ON FUNCTION gapless.column_check_spelling FROM PUBLIC;
