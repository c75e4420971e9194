-- Before the triggers go, which the audit needs. Nobody writes to the table.
CREATE OR REPLACE FUNCTION gapless.column_note_former(
    target        regclass,
    target_column name
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF EXISTS (SELECT FROM gapless.sequence AS s WHERE s.target = column_note_former.target AND s.target_column = column_note_former.target_column) THEN
        INSERT INTO gapless.former (name, target, target_column, title, expression, missing)
        SELECT s.name, s.target, s.target_column, coalesce(gapless.attached_column(s.target, s.target_column), s.target::text || '.' || s.target_column),
            (SELECT max(obj_description(p.oid, 'pg_proc')) FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = a.schema AND p.proname = a.stem || '_series'), m.numbers
        FROM gapless.sequence AS s
        LEFT JOIN gapless.attachment AS a ON a.relation = s.target AND a.column_name = s.target_column
        LEFT JOIN (
            SELECT f.sequence COLLATE "C" AS name, range_agg(numrange(f.first_value, f.last_value::numeric + 1)) AS numbers
            FROM gapless.audit_gapless(target => column_note_former.target, target_column => column_note_former.target_column) AS f
            WHERE f.kind = 'hole' AND NOT f.explained
            GROUP BY 1
        ) AS m ON m.name = s.name
        WHERE s.target = column_note_former.target AND s.target_column = column_note_former.target_column
        ON CONFLICT ON CONSTRAINT former_pkey DO UPDATE
        SET target = excluded.target, target_column = excluded.target_column, title = excluded.title, expression = excluded.expression,
            missing = excluded.missing, detached_at = excluded.detached_at, detached_by = excluded.detached_by;
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_note_former IS
'Private, for detach_gapless. Notes which sequences the column has, by which expression, and which of their numbers the audit misses without explanation.';

REVOKE ALL ON FUNCTION gapless.column_note_former FROM PUBLIC;
