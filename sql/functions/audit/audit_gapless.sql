-- STABLE, so that no statement in it gets a newer snapshot: allocations in progress are no holes.
CREATE OR REPLACE FUNCTION gapless.audit_gapless(
    name          text     DEFAULT NULL,
    pattern       text     DEFAULT NULL, -- of names, as LIKE has it
    target        regclass DEFAULT NULL, -- a table: the series of its attached columns
    target_column name     DEFAULT NULL, -- the series of one of them
    with_series   boolean  DEFAULT false -- a row of kind 'series', too, for each series and column that was compared
) RETURNS TABLE (
    sequence        text,
    attached_column text,    -- schema.table.column; NULL where none is attached, so that only the journal was looked at
    kind            text,    -- hole, double, never issued, changed after issue, broken, void; closed, opened, start, live, archived, range, withdrawn
    first_value     bigint,  -- NULL where the number cannot be read
    last_value      bigint,
    explained       boolean, -- void, adopted, forwarded or passed over, or detached meanwhile; and what was decided
    explanation     text,    -- why it is explained, or what is wrong
    allocated_by    text,    -- who had logged in when the numbers were allocated, or it was decided; NULL where nobody knows
    allocated_as    text,    -- the role chosen by SET ROLE then, or NULL
    allocated_at    timestamptz,
    txid            bigint,
    first_text      text,    -- as printed: what the rows have, or were given, where a column with a format writes it
    last_text       text,
    keys            jsonb,   -- the primary keys of the rows that are meant, an array of objects; at most 20
    recorded_at     timestamptz, -- when a recorded audit had the finding first; NULL: none has
    details         jsonb    -- of kind 'series': documents, issued, void, adopted, archived, missing, allocated_from, allocated_until, dated_from, dated_until
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER -- trap: one snapshot for the audit
SET search_path = pg_catalog, pg_temp
SET jit = off -- it costs more than it saves where there is little to compare
AS $function$
#variable_conflict use_column
BEGIN
    IF audit_gapless.name IS NOT NULL THEN
        PERFORM gapless.check_name(audit_gapless.name);
    END IF;
    -- trap: others commit while the audit runs
    RETURN QUERY
    WITH number AS MATERIALIZED (
        SELECT n.series COLLATE "C" AS name, n.attached_column, n.finding, n.first_value, n.last_value, n.detail, n.head_of_series
        FROM gapless.audit_numbers(audit_gapless.name) AS n
    ), edge AS MATERIALIZED (
        -- The journal, of which only the rows stay where a run of issued values begins or ends.
        SELECT *
        FROM (
            SELECT
                a.name,
                a.ordinal,
                a.first_value,
                a.last_value,
                a.kind,
                lag(a.last_value) OVER journal AS before,
                lag(a.kind) OVER journal AS kind_before,
                lead(a.first_value) OVER journal AS after,
                lead(a.kind) OVER journal AS kind_after
            FROM gapless.journal AS a
            WHERE a.kind <> 'closed' AND (audit_gapless.name IS NULL OR a.name = audit_gapless.name COLLATE "C")
            WINDOW journal AS (PARTITION BY a.name ORDER BY a.ordinal)
        ) AS neighbour
        WHERE before IS NULL OR after IS NULL OR kind <> 'issued' OR kind_before <> 'issued' OR kind_after <> 'issued'
            OR first_value IS DISTINCT FROM gapless.value_after(before, 1, NULL) OR after IS DISTINCT FROM gapless.value_after(last_value, 1, NULL)
    ), start AS (
        SELECT e.*, row_number() OVER (ORDER BY e.name, e.ordinal) AS i
        FROM edge AS e
        WHERE e.before IS NULL OR e.kind <> 'issued' OR e.kind_before <> 'issued' OR e.first_value IS DISTINCT FROM gapless.value_after(e.before, 1, NULL)
    ), stop AS (
        SELECT e.last_value, row_number() OVER (ORDER BY e.name, e.ordinal) AS i
        FROM edge AS e
        WHERE e.after IS NULL OR e.kind <> 'issued' OR e.kind_after <> 'issued' OR e.after IS DISTINCT FROM gapless.value_after(e.last_value, 1, NULL)
    ), segment AS (
        SELECT b.name, b.kind, b.ordinal, b.before, b.first_value, e.last_value
        FROM start AS b
        JOIN stop AS e USING (i)
    ), present AS (
        -- Of all columns that share a series, by the one whose series it is; or nothing, where one cannot be read.
        SELECT
            n.name,
            n.head_of_series AS attached_column,
            range_agg(numrange(n.first_value, n.last_value::numeric + 1)) AS numbers,
            min(n.first_value) AS lowest
        FROM number AS n
        WHERE n.finding IS NULL
            AND NOT EXISTS (SELECT FROM number AS f WHERE f.finding IN ('failed', 'detached') AND f.head_of_series = n.head_of_series)
        GROUP BY n.name, n.head_of_series
    ), share AS MATERIALIZED (
        SELECT n.name, n.head_of_series, n.attached_column, range_agg(numrange(n.first_value, n.last_value::numeric + 1)) AS numbers
        FROM number AS n
        WHERE n.finding IS NULL AND n.head_of_series IN (SELECT m.head_of_series FROM number AS m WHERE m.attached_column <> m.head_of_series)
        GROUP BY n.name, n.head_of_series, n.attached_column
    ), owned AS MATERIALIZED (
        SELECT s.name, gapless.attached_column(s.target, s.target_column) AS attached_column
        FROM gapless.sequence AS s
        WHERE (audit_gapless.name IS NULL OR s.name = audit_gapless.name COLLATE "C")
            AND NOT EXISTS (
                SELECT FROM number AS n
                WHERE n.finding IN ('failed', 'detached') AND n.head_of_series = gapless.attached_column(s.target, s.target_column)
            )
    ), lowest_void AS (
        SELECT v.name, min(v.value) AS value FROM gapless.void AS v GROUP BY v.name
    ), archived AS (
        SELECT d.name, range_agg(u.part) AS numbers, min(lower(u.part))::bigint AS lowest
        FROM gapless.decision AS d
        CROSS JOIN LATERAL unnest(d.numbers) AS u (part)
        GROUP BY d.name
    ), sequence AS (
        -- What is known of each: which numbers were issued, adopted, pruned from the journal, lost from it, voided,
        -- and are there.
        SELECT
            coalesce(s.name, p.name) AS name,
            coalesce(s.attached_column, p.attached_column) AS attached_column,
            coalesce(j.issued, '{}') AS issued,
            coalesce(j.adopted, '{}') AS adopted,
            coalesce(j.pruned, '{}') AS pruned,
            coalesce(j.lost, '{}') AS lost,
            coalesce(v.voids, '{}') AS voids,
            coalesce(d.forwarded, '{}') AS forwarded,
            coalesce(h.numbers, '{}') AS archived,
            coalesce(d.passed, '{}') AS passed,
            coalesce(p.numbers, '{}') AS numbers
        FROM owned AS s
        FULL JOIN present AS p ON p.name = s.name AND p.attached_column = s.attached_column
        LEFT JOIN (
            SELECT
                g.name,
                range_agg(numrange(g.first_value, g.last_value::numeric + 1)) FILTER (WHERE g.kind = 'issued') AS issued,
                range_agg(numrange(least(g.first_value, g.last_value), greatest(g.first_value, g.last_value)::numeric + 1)) FILTER (WHERE g.kind = 'pruned') AS pruned,
                -- Nobody knows where adopted numbers began: after those before, or with the first that is there, or is void.
                range_agg(numrange(
                    least(coalesce(g.before::numeric + 1, q.lowest, g.last_value), g.last_value),
                    g.last_value::numeric + 1
                )) FILTER (WHERE g.kind = 'adopted') AS adopted,
                -- A row's ordinal counts the values before it.
                range_agg(numrange(coalesce(g.before::numeric + 1, g.first_value::numeric - g.ordinal + 1), g.first_value)) FILTER (
                    WHERE g.kind <> 'adopted' AND g.first_value::numeric > coalesce(g.before::numeric + 1, g.first_value::numeric - g.ordinal + 1)
                ) AS lost
            FROM segment AS g
            LEFT JOIN owned AS o ON o.name = g.name
            LEFT JOIN present AS p ON p.name = g.name AND p.attached_column = o.attached_column
            LEFT JOIN lowest_void AS v ON v.name = g.name
            LEFT JOIN archived AS h ON h.name = g.name
            CROSS JOIN LATERAL (SELECT least(p.lowest, v.value, h.lowest) AS lowest) AS q
            GROUP BY g.name
        ) AS j ON j.name = s.name
        LEFT JOIN (
            SELECT v.name, range_agg(numrange(v.value, v.value::numeric + 1)) AS voids
            FROM gapless.void AS v
            GROUP BY v.name
        ) AS v ON v.name = s.name
        LEFT JOIN (
            SELECT d.name, range_agg(numrange(d.first_value, d.last_value::numeric + 1)) AS forwarded, -- from anywhere, of a start
                range_agg(numrange(d.first_value, d.last_value::numeric + 1)) FILTER (WHERE d.kind <> 'started') AS passed
            FROM gapless.decision AS d
            WHERE d.kind IN ('forwarded', 'started', 'passed')
            GROUP BY d.name
        ) AS d ON d.name = s.name
        LEFT JOIN archived AS h ON h.name = s.name
    ), piece AS (
        -- Of columns: what was given out and is not there, and what is there and was not given out.
        SELECT s.name, s.attached_column, v.kind, 'void' AS cause, unnest(v.parts) AS part -- those that were issued have their rows in the journal
        FROM sequence AS s
        CROSS JOIN LATERAL (
            VALUES
                ('hole', (s.issued - s.numbers) * s.voids), ('hole', s.voids - s.issued - s.numbers),
                ('void', s.issued * s.numbers * s.voids), ('void', s.numbers * s.voids - s.issued)
        ) AS v (kind, parts)
        WHERE s.attached_column IS NOT NULL
        UNION ALL
        SELECT s.name, s.attached_column, 'hole', 'adopted', unnest(s.adopted - s.forwarded - s.numbers - s.voids - s.archived)
        FROM sequence AS s
        WHERE s.attached_column IS NOT NULL
            AND NOT EXISTS (SELECT FROM gapless.known_text AS k WHERE k.name = s.name AND k.value IS NULL AND k.reason IS NULL) -- which may be of any of them
        UNION ALL
        SELECT s.name, s.attached_column, 'hole', 'forwarded', unnest(s.passed - s.numbers - s.voids - s.archived)
        FROM sequence AS s WHERE s.attached_column IS NOT NULL
        UNION ALL
        SELECT s.name, s.attached_column, 'hole', NULL, unnest(s.issued + s.pruned - s.adopted - s.numbers - s.voids - s.archived)
        FROM sequence AS s WHERE s.attached_column IS NOT NULL
        UNION ALL
        SELECT s.name, s.attached_column, 'hole', NULL, unnest(s.lost - s.issued - s.pruned - s.adopted - s.numbers - s.voids - s.archived)
        FROM sequence AS s WHERE s.attached_column IS NOT NULL
        UNION ALL
        SELECT s.name, s.attached_column, 'never issued', NULL, unnest(s.numbers - s.issued - s.adopted - s.pruned)
        FROM sequence AS s WHERE s.attached_column IS NOT NULL
        UNION ALL
        -- A column's sequence does not cycle.
        SELECT o.name, o.attached_column, 'double', 'the journal has it twice', numrange(g.first_value, least(g.before, g.last_value)::numeric + 1)
        FROM owned AS o
        JOIN segment AS g ON g.name = o.name AND g.first_value <= g.before AND g.kind = 'issued'
        WHERE o.attached_column IS NOT NULL
        UNION ALL
        -- Of others only the journal is known.
        SELECT s.name, NULL, 'hole', NULL, unnest(s.lost) FROM sequence AS s WHERE s.attached_column IS NULL
        UNION ALL
        SELECT s.name, NULL, 'hole', 'forwarded', unnest(s.passed - s.voids) FROM sequence AS s WHERE s.attached_column IS NULL
        UNION ALL
        SELECT b.name, b.attached_column, 'double', format('column %s has it, too', a.attached_column), unnest(a.numbers * b.numbers)
        FROM share AS a
        JOIN share AS b ON b.name = a.name AND b.head_of_series = a.head_of_series AND b.attached_column > a.attached_column AND b.numbers && a.numbers
        UNION ALL
        SELECT n.name, n.attached_column, 'double', n.detail, numrange(n.first_value, n.first_value::numeric + 1)
        FROM number AS n WHERE n.finding = 'double'
        UNION ALL
        SELECT n.name, n.attached_column, 'changed after issue', n.detail, numrange(n.first_value, n.first_value::numeric + 1)
        FROM number AS n WHERE n.finding = 'misdated'
        UNION ALL
        SELECT n.name, n.attached_column, 'broken', n.detail, numrange(n.first_value, n.first_value::numeric + 1)
        FROM number AS n WHERE n.finding = 'broken'
    ), lacking AS MATERIALIZED (
        SELECT p.attached_column, range_agg(p.part) AS parts FROM piece AS p WHERE p.kind = 'hole' AND p.cause IS NULL AND p.attached_column IS NOT NULL GROUP BY p.attached_column
    ), single AS (
        -- Voids with their reasons: one by one, or as void_gapless_batch made them.
        SELECT p.name, p.attached_column, p.kind, p.cause, p.part, NULL AS void
        FROM piece AS p
        WHERE (p.cause IN ('void', 'forwarded')) IS NOT TRUE
        UNION ALL
        SELECT i.name, i.attached_column, i.kind, 'void', numrange(min(i.value), max(i.value)::numeric + 1), format('void: %s (%s, %s)', i.reason, i.voided_by, i.voided_at)
        FROM (
            SELECT p.name, p.attached_column, p.kind, p.part, v.value, v.reason, v.voided_by, v.voided_at,
                v.value::numeric - row_number() OVER (PARTITION BY p.name, p.attached_column, p.kind, p.part, v.reason, v.voided_by, v.voided_at ORDER BY v.value) AS island
            FROM piece AS p
            JOIN LATERAL (
                SELECT DISTINCT ON (v.value) v.*
                FROM gapless.void AS v
                WHERE v.name = p.name AND v.value >= lower(p.part) AND v.value < upper(p.part)
                ORDER BY v.value, v.ordinal DESC
            ) AS v ON true
            WHERE p.cause = 'void'
        ) AS i
        GROUP BY i.name, i.attached_column, i.kind, i.part, i.reason, i.voided_by, i.voided_at, i.island
    )
    SELECT f.*, NULL::text, NULL::text, NULL::jsonb, NULL::timestamptz, NULL::jsonb FROM (
    SELECT
        coalesce(p.name, '')::text,
        coalesce(CASE WHEN p.kind = 'never issued' THEN (
            SELECT string_agg(h.attached_column, ', ' ORDER BY h.attached_column)
            FROM share AS h
            WHERE h.name = p.name AND h.head_of_series = p.attached_column AND h.numbers && p.part::nummultirange
        ) END, p.attached_column),
        p.kind,
        greatest(lower(p.part), min(j.first_value))::bigint,
        least(upper(p.part) - 1, max(j.last_value))::bigint,
        p.cause IN ('void', 'adopted') IS TRUE,
        CASE
            WHEN p.cause = 'void' THEN p.void
            WHEN p.cause = 'adopted' THEN 'adopted: given out by another system'
            WHEN p.cause IS NULL AND p.kind = 'hole' AND count(j.ordinal) = 0 THEN 'neither the journal nor the column has it'
            WHEN p.cause IS NULL AND p.kind = 'hole' AND max(j.pruned_by) IS NOT NULL THEN format('the journal had it, until %s pruned that at %s, and no row has it', max(j.pruned_by), min(j.pruned_at))
            WHEN p.cause IS NULL AND p.kind = 'hole' THEN 'the journal has it, and no row'
            WHEN p.cause IS NULL AND EXISTS (SELECT FROM lacking AS l WHERE l.attached_column = p.attached_column AND l.parts && p.part)
                THEN 'a row has it, and the journal has it in another sequence: the row was moved with the triggers off, or what the expressions call has changed'
            WHEN p.cause IS NULL THEN 'a row has it, and the journal does not'
            ELSE p.cause
        END,
        max(j.allocated_by),
        max(j.allocated_as),
        min(j.allocated_at),
        j.txid
    FROM single AS p
    -- The journal's rows for it: its run's ordinals rise as its values do.
    LEFT JOIN LATERAL (
        SELECT a.ordinal, a.first_value, a.last_value,
            CASE WHEN a.kind = 'issued' THEN a.allocated_by END AS allocated_by, CASE WHEN a.kind = 'issued' THEN a.allocated_as END AS allocated_as,
            CASE WHEN a.kind = 'issued' THEN a.allocated_at END AS allocated_at, CASE WHEN a.kind = 'issued' THEN a.txid END AS txid,
            CASE WHEN a.kind = 'pruned' THEN a.allocated_by END AS pruned_by, CASE WHEN a.kind = 'pruned' THEN a.allocated_at END AS pruned_at
        FROM segment AS g
        JOIN gapless.journal AS a
            ON a.name = g.name
            AND a.ordinal >= (
                SELECT b.ordinal
                FROM gapless.journal AS b
                WHERE b.name = g.name AND b.ordinal <= g.ordinal + greatest(lower(p.part)::bigint - g.first_value, 0)
                ORDER BY b.ordinal DESC
                LIMIT 1
            )
            AND a.ordinal <= g.ordinal + (least((upper(p.part) - 1)::bigint, g.last_value) - g.first_value)
        WHERE g.name = p.name
            AND (g.kind = 'issued' OR g.kind = 'pruned' AND p.kind = 'hole' AND p.attached_column IS NOT NULL)
            AND ((p.cause = 'adopted') IS NOT TRUE)
            AND g.first_value < upper(p.part)
            AND g.last_value >= lower(p.part)
        OFFSET 0 -- one piece after another: there are few, and the journal is long
    ) AS j ON true
    GROUP BY p.name, p.attached_column, p.kind, p.cause, p.part, p.void, j.txid
    UNION ALL
    -- Voids of other sequences, each of its own cycle.
    SELECT i.name::text, NULL, 'void', min(i.value), max(i.value), true, format('void: %s (%s, %s)', i.reason, i.voided_by, i.voided_at),
        i.allocated_by, i.allocated_as, min(i.allocated_at), i.txid
    FROM (
        SELECT v.name, v.value, v.reason, v.voided_by, v.voided_at, a.allocated_by, a.allocated_as, a.allocated_at, a.txid,
            v.value::numeric - row_number() OVER (PARTITION BY v.name, v.reason, v.voided_by, v.voided_at, a.txid ORDER BY v.value) AS island
        FROM owned AS o
        JOIN gapless.void AS v ON v.name = o.name
        LEFT JOIN LATERAL (
            SELECT b.* FROM gapless.journal AS b WHERE b.name = v.name AND b.ordinal <= v.ordinal ORDER BY b.ordinal DESC LIMIT 1
        ) AS a ON a.kind = 'issued'
        WHERE o.attached_column IS NULL
    ) AS i
    GROUP BY i.name, i.reason, i.voided_by, i.voided_at, i.allocated_by, i.allocated_as, i.txid, i.island
    UNION ALL
    -- What was decided, each with its reason.
    SELECT p.name::text, p.attached_column, p.kind, lower(r.part)::bigint, (upper(r.part) - 1)::bigint, true, format('%s: %s (%s, %s)', d.kind, d.reason, d.decided_by, d.decided_at),
        d.decided_by, d.decided_as, d.decided_at, d.txid
    FROM piece AS p
    JOIN gapless.decision AS d ON d.name = p.name AND d.kind IN ('forwarded', 'passed')
    CROSS JOIN LATERAL (SELECT p.part * numrange(d.first_value, d.last_value::numeric + 1) AS part) AS r
    WHERE p.cause = 'forwarded' AND NOT isempty(r.part)
    UNION ALL
    SELECT d.name::text, o.attached_column, w.kind, CASE WHEN d.kind IN ('live', 'archived', 'range', 'withdrawn') THEN d.first_value ELSE w.value END, w.value, true,
        format('%s: %s (%s%s, %s)', w.kind, d.reason, (SELECT format('%s numbers, ', sum(upper(u.part) - lower(u.part))) FROM unnest(d.numbers) AS u (part) HAVING count(*) > 0), d.decided_by, d.decided_at),
        d.decided_by, d.decided_as, d.decided_at, d.txid
    FROM owned AS o
    JOIN gapless.decision AS d ON d.name = o.name AND d.kind NOT IN ('forwarded', 'passed')
    CROSS JOIN LATERAL (
        SELECT
            CASE d.kind WHEN 'started' THEN 'start' ELSE d.kind END AS kind,
            CASE WHEN d.kind = 'started' AND d.last_value < 9223372036854775807 THEN d.last_value + 1 ELSE d.last_value END AS value
    ) AS w
    UNION ALL
    SELECT coalesce(n.name, '')::text, n.attached_column, 'changed after issue', NULL, NULL, n.finding = 'detached',
        n.detail, NULL, NULL, NULL, NULL
    FROM number AS n
    WHERE n.finding IN ('unreadable', 'failed', 'detached')
    ) AS f
    ORDER BY 1, 4, 3, 10;
    PERFORM gapless.check_not_rewritten();
END;
$function$;

COMMENT ON FUNCTION gapless.audit_gapless IS
'Compares the journal, the attached columns and the voids of a sequence, or of all: a row for each hole, double, number that was never issued, was changed after issue or does not fit into its chain, and void, and for what was decided about it (close_gapless, open_gapless, forward_gapless, go_live_gapless, archive_gapless, range_gapless, withdraw_gapless), explained or not, with who allocated it, when and in which transaction. Nothing that is not explained means that numbering is sound. Reads all in one snapshot and locks out nobody. Raises 22023 for the name; 40001 where a table of gapless was rewritten since the snapshot.';

REVOKE ALL ON FUNCTION gapless.audit_gapless FROM PUBLIC;
