-- The rows are read by the audit's readers, with care.
CREATE OR REPLACE FUNCTION gapless.column_check_shared(
    target        regclass,
    target_column name
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $function$
DECLARE
    fault text;
BEGIN
    WITH own AS (
        SELECT m.relation, m.column_name, m.head, m.head_column FROM gapless.member AS m WHERE m.relation = target AND m.column_name = target_column
    ), number AS MATERIALIZED (
        SELECT n.*, n.attached_column = format('%I.%I.%I', s.nspname, c.relname, o.column_name) AS own
        FROM own AS o
        JOIN pg_catalog.pg_class AS c ON c.oid = o.relation
        JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
        JOIN pg_catalog.pg_class AS h ON h.oid = o.head
        JOIN pg_catalog.pg_namespace AS hs ON hs.oid = h.relnamespace
        CROSS JOIN LATERAL gapless.audit_numbers(heads => ARRAY[format('%I.%I.%I', hs.nspname, h.relname, o.head_column)], checks => false) AS n
    ), present AS (
        SELECT n.series COLLATE "C" AS series, n.attached_column, n.own, range_agg(numrange(n.first_value, n.last_value::numeric + 1)) AS numbers
        FROM number AS n
        WHERE n.finding IS NULL
        GROUP BY 1, 2, 3
    )
    SELECT string_agg(w.fault, '; ' ORDER BY w.fault)
    INTO fault
    FROM (
        SELECT format('%s: %s has it, too, in sequence "%s"', CASE WHEN upper(p.part) - 1 > lower(p.part) THEN lower(p.part) || ' to ' || upper(p.part) - 1 ELSE lower(p.part)::text END, p.attached_column, p.series) AS fault
        FROM (
            SELECT o.series, o.attached_column, unnest(m.numbers * o.numbers) AS part
            FROM present AS m
            JOIN present AS o ON o.series = m.series AND NOT o.own AND o.numbers && m.numbers
            WHERE m.own
        ) AS p
        UNION ALL
        SELECT format('%s: %s', n.attached_column, n.detail) FROM number AS n WHERE n.finding IN ('failed', 'detached')
        LIMIT 20
    ) AS w;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'column "%" of table % has numbers that cannot be taken over', target_column, target
            USING ERRCODE = 'check_violation', DETAIL = fault,
                HINT = 'Mend these rows (20 at most are named), or set the number to NULL, and attach the column then.', CONSTRAINT = 'attach_rows', COLUMN = target_column,
                SCHEMA = (SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = target),
                TABLE = (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = target);
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_check_shared IS
'Private, for attach_gapless. Raises 23514 where a column that shares its series has a number that another one has, too.';

REVOKE ALL ON FUNCTION gapless.column_check_shared FROM PUBLIC;
