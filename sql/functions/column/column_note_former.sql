-- Before the triggers go, which the audit needs. Nobody writes to the table.
CREATE OR REPLACE FUNCTION gapless.column_note_former(
    target        regclass,
    target_column name
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off -- nobody knows beforehand how many series have a hole
AS $function$
DECLARE
    title      text;
    expression text;
    names      text[];
    missing    nummultirange[];
    unread     boolean;
BEGIN
    IF NOT EXISTS (SELECT FROM gapless.sequence_lock AS s WHERE s.target = column_note_former.target AND s.target_column = column_note_former.target_column) THEN
        RETURN;
    END IF;
    title := coalesce(gapless.attached_column(target, target_column), target::text || '.' || target_column);
    SELECT max(obj_description(p.oid, 'pg_proc'))
    INTO expression
    FROM gapless.attachment AS a
    JOIN pg_catalog.pg_proc AS p ON p.pronamespace = a.schema AND p.proowner = a.maker AND p.proname = a.stem || '_series'
    WHERE a.relation = column_note_former.target AND a.column_name = column_note_former.target_column;
    SELECT array_agg(m.name), array_agg(m.numbers), coalesce(bool_or(m.unread), false)
    INTO names, missing, unread
    FROM (
        SELECT f.sequence AS name, range_agg(numrange(f.first_value, f.last_value::numeric + 1)) FILTER (WHERE f.kind = 'hole') AS numbers, bool_or(f.kind = 'not read') AS unread
        FROM gapless.audit_gapless(target => column_note_former.target, target_column => column_note_former.target_column) AS f
        WHERE f.kind IN ('hole', 'not read') AND NOT f.explained
        GROUP BY f.sequence
    ) AS m;
    INSERT INTO gapless.former (name, target, target_column, title, expression, missing, unread)
    SELECT s.name, s.target, s.target_column, title, expression, m.numbers, unread
    FROM gapless.sequence_lock AS s
    LEFT JOIN unnest(names, missing) AS m (name, numbers) ON m.name COLLATE "C" = s.name
    WHERE s.target = column_note_former.target AND s.target_column = column_note_former.target_column
    ON CONFLICT ON CONSTRAINT former_pkey DO UPDATE
    SET target = excluded.target, target_column = excluded.target_column, title = excluded.title, expression = excluded.expression,
        missing = excluded.missing, unread = excluded.unread, detached_at = excluded.detached_at, detached_by = excluded.detached_by;
END;
$function$;

COMMENT ON FUNCTION gapless.column_note_former IS
'Private, for detach_gapless. Notes which sequences the column has, by which expression, and which of their numbers the audit misses without explanation.';

REVOKE ALL ON FUNCTION gapless.column_note_former FROM PUBLIC;
