-- STABLE, so that no statement in it gets a newer snapshot: allocations in progress are no holes. A series whose rows have
-- as many numbers as the journal, and the same fingerprint, is sound: the exclusive or of 64-bit hashes, of a seed that
-- each audit draws, as in Bellare and Micciancio, "A new paradigm for collision-free hashing" (1997), and so wrong once in
-- 2^64. The numbers of the others are put in order, and swept: what was issued, is void, is there and so on are sets of
-- intervals, and each piece between two of their ends is of one kind. It is long because it is one query.
CREATE OR REPLACE FUNCTION gapless.audit_gapless(
    name          text     DEFAULT NULL,
    pattern       text     DEFAULT NULL, -- of names, as LIKE has it
    target        regclass DEFAULT NULL, -- a table: the series of its attached columns
    target_column name     DEFAULT NULL, -- the series of one of them
    with_series   boolean  DEFAULT false -- a row of kind 'series', too, for each that was compared
) RETURNS TABLE (
    sequence        text,
    attached_column text,    -- schema.table.column; NULL where none is attached, so that only the journal was looked at
    kind            text,    -- hole, double, never issued, changed after issue, broken, void, not read; closed, opened, start, live, archived, range, withdrawn; series
    first_value     bigint,  -- NULL where the number cannot be read
    last_value      bigint,
    explained       boolean, -- void, adopted, forwarded or passed over, or detached meanwhile; and what was decided
    explanation     text,    -- why it is explained, or what is wrong
    allocated_by    text,    -- who had logged in when the numbers were allocated, or it was decided; NULL where nobody knows
    allocated_as    text,    -- the role chosen by SET ROLE then, or NULL
    allocated_at    timestamptz,
    txid            bigint,
    first_text      text,    -- as printed: what the rows have, or had, where a column with a format writes it
    last_text       text,
    keys            jsonb,   -- the primary keys of the rows that are meant, an array of objects; of 20 at most
    recorded_at     timestamptz, -- when a recorded audit had the finding first; NULL: none has
    details         jsonb    -- of kind 'series': documents, issued, void, adopted, archived, missing, allocated_from, allocated_until, dated_from, dated_until
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER -- trap: one snapshot for the audit
SET search_path = pg_catalog, pg_temp
SET jit = off -- it costs more than it saves where there is little to compare
SET quote_all_identifiers = off
SET enable_nestloop = off -- nobody knows beforehand how many findings there are
SET enable_mergejoin = off -- which would sort the journal
SET plan_cache_mode = force_generic_plan -- it is long, and what it reads of one name it reads by an index
AS $function$
#variable_conflict use_column
DECLARE
    seed  CONSTANT bigint := hashtextextended(gen_random_uuid()::text, 0);
    heads text[]; -- of the columns that are asked for
BEGIN
    IF audit_gapless.name IS NOT NULL THEN
        PERFORM gapless.check_name(audit_gapless.name);
    END IF;
    IF audit_gapless.target IS NOT NULL THEN
        SELECT array_agg(DISTINCT h.title)
        INTO heads
        FROM (
            SELECT c.head_title AS title, c.column_name FROM gapless.audit_columns() AS c WHERE c.relation = audit_gapless.target::oid
            UNION ALL
            SELECT format('%I.%I.%I', n.nspname, c.relname, m.head_column), m.column_name
            FROM gapless.member AS m
            JOIN pg_catalog.pg_class AS c ON c.oid = m.head
            JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE m.relation = audit_gapless.target::oid
            UNION ALL
            SELECT format('%I.%I.%I', n.nspname, c.relname, s.target_column), s.target_column
            FROM gapless.sequence_lock AS s
            JOIN pg_catalog.pg_class AS c ON c.oid = s.target
            JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE s.target = audit_gapless.target
        ) AS h
        WHERE audit_gapless.target_column IS NULL OR h.column_name = audit_gapless.target_column;
        IF heads IS NULL THEN
            RAISE EXCEPTION 'table % has no attached column%', audit_gapless.target, coalesce(' "' || audit_gapless.target_column || '"', '')
                USING ERRCODE = 'undefined_object', HINT = 'The view gapless.columns shows all that are.',
                    SCHEMA = 'gapless', CONSTRAINT = 'gapless_unattached';
        END IF;
    END IF;
    -- trap: others commit while the audit runs
    RETURN QUERY
    WITH fingerprint AS MATERIALIZED (
        SELECT coalesce(n.series, '') COLLATE "C" AS name, n.* -- which no sequence is named
        FROM gapless.audit_numbers(CASE WHEN audit_gapless.name IS NOT NULL THEN ARRAY[audit_gapless.name] END, heads, seed) AS n
        WHERE audit_gapless.pattern IS NULL OR n.series LIKE audit_gapless.pattern OR n.finding IN ('failed', 'detached')
    ),
    -- Of each table all rows, or by its index those of the name: one plan for both.
    chosen AS NOT MATERIALIZED (
        SELECT s.name, s.target, s.target_column, s.adoptions FROM gapless.sequence_lock AS s WHERE audit_gapless.name IS NULL
        UNION ALL
        SELECT s.name, s.target, s.target_column, s.adoptions FROM gapless.sequence_lock AS s WHERE s.name = audit_gapless.name COLLATE "C"
    ), page AS NOT MATERIALIZED (
        SELECT a.* FROM gapless.journal AS a WHERE audit_gapless.name IS NULL
        UNION ALL
        SELECT a.* FROM gapless.journal AS a WHERE a.name = audit_gapless.name COLLATE "C"
    ), voided AS NOT MATERIALIZED (
        SELECT v.* FROM gapless.void AS v WHERE audit_gapless.name IS NULL
        UNION ALL
        SELECT v.* FROM gapless.void AS v WHERE v.name = audit_gapless.name COLLATE "C"
    ), decided AS MATERIALIZED (
        SELECT d.* FROM gapless.decision AS d WHERE audit_gapless.name IS NULL
        UNION ALL
        SELECT d.* FROM gapless.decision AS d WHERE d.name = audit_gapless.name COLLATE "C"
    ), former AS MATERIALIZED (
        SELECT f.* FROM gapless.former AS f WHERE audit_gapless.name IS NULL
        UNION ALL
        SELECT f.* FROM gapless.former AS f WHERE f.name = audit_gapless.name COLLATE "C"
    ), known_text AS NOT MATERIALIZED (
        SELECT k.* FROM gapless.known_text AS k WHERE audit_gapless.name IS NULL
        UNION ALL
        SELECT k.* FROM gapless.known_text AS k WHERE k.name = audit_gapless.name COLLATE "C"
    ), owner AS MATERIALIZED (
        SELECT c.target, c.target_column, gapless.attached_column(c.target, c.target_column) AS attached_column
        FROM (SELECT DISTINCT c.target, c.target_column FROM chosen AS c WHERE c.target IS NOT NULL) AS c
    ), owned AS MATERIALIZED (
        SELECT c.name, c.adoptions, o.attached_column
        FROM chosen AS c
        LEFT JOIN owner AS o ON o.target = c.target AND o.target_column = c.target_column
        WHERE (audit_gapless.pattern IS NULL OR c.name LIKE audit_gapless.pattern) AND (heads IS NULL OR o.attached_column = ANY (heads))
    ), gone AS MATERIALIZED (
        SELECT d.name, d.title, d.shard
        FROM gapless.dropped AS d
        WHERE (audit_gapless.name IS NULL OR d.name = audit_gapless.name COLLATE "C")
            -- The view reads all sequences: only where it may have this one.
            AND (audit_gapless.name IS NULL OR EXISTS (
                SELECT FROM gapless.sequence_lock AS s
                WHERE s.name = audit_gapless.name COLLATE "C" AND s.target IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = s.target AND a.attnum = -1)
            ))
    ), entry AS MATERIALIZED (
        SELECT e.*
        FROM gapless.audit_journal(
            CASE
                WHEN audit_gapless.name IS NOT NULL THEN ARRAY[audit_gapless.name]
                WHEN audit_gapless.pattern IS NOT NULL OR heads IS NOT NULL THEN ARRAY(SELECT o.name FROM owned AS o)
            END, seed, audit_gapless.with_series
        ) AS e
    ), period AS MATERIALIZED (
        SELECT e.* FROM entry AS e WHERE e.kind = 'issued'
    ), edge AS MATERIALIZED (
        -- Of the others only the rows stay where a run of issued values begins or ends.
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
            FROM page AS a
            WHERE a.kind <> 'closed' AND a.name IN (SELECT d.name FROM period AS d WHERE NOT d.whole)
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
    ), segment AS MATERIALIZED (
        SELECT w.*, lag(w.last_value) OVER (PARTITION BY w.name ORDER BY w.ordinal) AS before
        FROM (
            SELECT b.name, b.kind, b.ordinal, b.first_value, e.last_value, NULL::bigint AS print
            FROM start AS b
            JOIN stop AS e USING (i)
            UNION ALL
            SELECT d.name, 'issued', d.ordinal, d.first_value, d.last_value, d.print
            FROM period AS d
            WHERE d.whole
            UNION ALL
            SELECT a.name, a.kind, a.ordinal, a.first_value, a.last_value, NULL
            FROM page AS a
            WHERE a.kind IN ('adopted', 'pruned')
                AND (SELECT EXISTS (SELECT FROM entry AS e WHERE e.kind IN ('adopted', 'pruned'))) -- else the journal is not read again
                AND a.name IN (SELECT e.name FROM entry AS e)
                AND NOT EXISTS (SELECT FROM period AS d WHERE d.name = a.name AND NOT d.whole)
        ) AS w
    ), candidate AS MATERIALIZED (
        -- One segment, and as many rows.
        SELECT g.name, f.head_of_series, f.print, g.ordinal, g.first_value, g.last_value, g.own_print
        FROM (
            SELECT g.name, min(g.ordinal) AS ordinal, min(g.first_value) AS first_value, max(g.last_value) AS last_value, min(g.print) AS own_print
            FROM segment AS g
            GROUP BY g.name
            HAVING count(*) = 1 AND bool_and(g.kind = 'issued')
        ) AS g
        JOIN (
            SELECT f.name, f.head_of_series, bit_xor(f.print) AS print, sum(f.documents) AS documents
            FROM fingerprint AS f
            WHERE f.finding IS NULL
            GROUP BY f.name, f.head_of_series
        ) AS f ON f.name = g.name AND f.documents = g.last_value::numeric - g.first_value + 1
        JOIN owned AS o ON o.name = g.name AND o.attached_column = f.head_of_series
        WHERE g.ordinal = 1
            AND NOT EXISTS (SELECT FROM voided AS v WHERE v.name = g.name)
            AND NOT EXISTS (SELECT FROM known_text AS k WHERE k.name = g.name)
            AND NOT EXISTS (SELECT FROM decided AS d WHERE d.name = g.name AND d.kind IN ('forwarded', 'passed', 'archived', 'started'))
    ), sound AS MATERIALIZED (
        SELECT c.name, c.head_of_series, c.first_value, c.last_value
        FROM candidate AS c
        WHERE c.print = c.own_print
        UNION ALL
        SELECT c.name, c.head_of_series, c.first_value, c.last_value
        FROM candidate AS c
        JOIN (
            SELECT a.name, bit_xor(u.print) AS print
            FROM page AS a
            CROSS JOIN LATERAL (
                SELECT bit_xor(u.print) AS print
                FROM (
                    SELECT hashtextextended(t.number, seed) AS print FROM unnest(a.texts) AS t (number)
                    UNION ALL
                    SELECT hashint8extended(v.value, seed) FROM generate_series(a.first_value, a.last_value) AS v (value) WHERE a.texts IS NULL
                ) AS u
            ) AS u
            WHERE a.kind = 'issued' AND a.name IN (SELECT c.name FROM candidate AS c WHERE c.own_print IS NULL)
                AND (SELECT EXISTS (SELECT FROM candidate AS c WHERE c.own_print IS NULL)) -- else the journal is not read again
            GROUP BY a.name
        ) AS a ON a.name = c.name AND a.print = c.print
        WHERE c.own_print IS NULL
    ), unsound AS MATERIALIZED (
        SELECT u.name, u.head_of_series
        FROM (
            SELECT f.name, f.head_of_series FROM fingerprint AS f WHERE f.finding IS NULL
            UNION
            SELECT o.name, o.attached_column FROM owned AS o WHERE o.attached_column IS NOT NULL
        ) AS u
        LEFT JOIN sound AS s ON s.name = u.name AND s.head_of_series = u.head_of_series
        WHERE s.name IS NULL
    ), number AS MATERIALIZED (
        SELECT n.*
        FROM (
            SELECT coalesce(n.series, '') COLLATE "C" AS name, n.*
            FROM gapless.audit_numbers(
                CASE
                    WHEN audit_gapless.name IS NOT NULL THEN ARRAY[audit_gapless.name]
                    WHEN NOT EXISTS (SELECT FROM fingerprint AS f WHERE f.finding = 'failed') THEN ARRAY(SELECT DISTINCT u.name FROM unsound AS u)
                END,
                heads,
                checks => false,
                unsound => ARRAY(
                    SELECT u.head_of_series FROM unsound AS u
                    UNION
                    SELECT f.head_of_series FROM fingerprint AS f WHERE f.finding = 'failed'
                )
            ) AS n
            WHERE EXISTS (SELECT FROM unsound) OR EXISTS (SELECT FROM fingerprint AS f WHERE f.finding = 'failed')
            UNION ALL
            SELECT '', NULL, c.attached_column, c.head_of_series, 'failed', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, c.detail
            FROM gapless.audit_failed_columns(CASE WHEN audit_gapless.name IS NOT NULL THEN ARRAY[audit_gapless.name] END, heads) AS c
        ) AS n
        LEFT JOIN sound AS s ON s.name = n.name AND s.head_of_series = n.head_of_series
        WHERE s.name IS NULL AND (audit_gapless.pattern IS NULL OR n.series LIKE audit_gapless.pattern OR n.series IS NULL)
        UNION ALL
        SELECT f.* FROM fingerprint AS f WHERE f.finding IN ('misdated', 'broken', 'failed', 'detached')
    ), unread AS MATERIALIZED (
        SELECT DISTINCT n.head_of_series FROM number AS n WHERE n.finding IN ('failed', 'detached')
    ), swept AS MATERIALIZED (
        -- Each series that is not sound, with the column that it is of, or NULL.
        SELECT coalesce(o.name, p.name) AS name, coalesce(o.attached_column, p.head_of_series) AS attached_column
        FROM owned AS o
        FULL JOIN (SELECT DISTINCT n.name, n.head_of_series FROM number AS n WHERE n.finding IS NULL) AS p ON p.name = o.name AND p.head_of_series = o.attached_column
        WHERE NOT EXISTS (SELECT FROM unread AS u WHERE u.head_of_series = coalesce(o.attached_column, p.head_of_series))
            AND NOT EXISTS (SELECT FROM sound AS s WHERE s.name = coalesce(o.name, p.name) AND s.head_of_series = coalesce(o.attached_column, p.head_of_series))
    ), lowest AS (
        -- Nobody knows where adopted numbers began: after those before, or with the first that is there, or is void.
        SELECT w.name, w.attached_column, min(w.value) AS value
        FROM (
            SELECT n.name, n.head_of_series AS attached_column, n.first_value AS value FROM number AS n WHERE n.finding IS NULL
            UNION ALL
            SELECT v.name, o.attached_column, v.value FROM voided AS v JOIN owned AS o ON o.name = v.name
            UNION ALL
            SELECT d.name, o.attached_column, lower(u.part)::bigint
            FROM decided AS d
            JOIN owned AS o ON o.name = d.name
            CROSS JOIN LATERAL unnest(d.numbers) AS u (part)
        ) AS w
        GROUP BY w.name, w.attached_column
    ), span AS MATERIALIZED (
        SELECT n.name, n.head_of_series AS attached_column, 'present' AS source, n.first_value::numeric AS first, n.last_value::numeric + 1 AS after
        FROM number AS n
        WHERE n.finding IS NULL
        UNION ALL
        SELECT g.name, o.attached_column, w.*
        FROM segment AS g
        JOIN owned AS o ON o.name = g.name
        LEFT JOIN lowest AS l ON l.name = o.name AND l.attached_column = o.attached_column
        CROSS JOIN LATERAL (
            SELECT
                g.kind::text,
                CASE g.kind
                    WHEN 'adopted' THEN least(coalesce(g.before::numeric + 1, l.value, g.last_value), g.last_value)
                    WHEN 'pruned' THEN least(g.first_value, g.last_value)
                    ELSE g.first_value
                END,
                greatest(g.first_value, g.last_value)::numeric + 1
            UNION ALL
            -- A row's ordinal counts the values before it.
            SELECT 'lost', coalesce(g.before::numeric + 1, g.first_value::numeric - g.ordinal + 1), g.first_value
            WHERE g.kind <> 'adopted' AND g.first_value::numeric > coalesce(g.before::numeric + 1, g.first_value::numeric - g.ordinal + 1)
        ) AS w
        UNION ALL
        SELECT v.name, o.attached_column, 'void', v.value, v.value::numeric + 1
        FROM (SELECT DISTINCT v.name, v.value FROM voided AS v) AS v
        JOIN owned AS o ON o.name = v.name
        UNION ALL
        SELECT d.name, o.attached_column, CASE d.kind WHEN 'started' THEN 'started' ELSE 'passed' END, coalesce(d.first_value::numeric, '-Infinity'), d.last_value::numeric + 1 -- from anywhere, of a start
        FROM decided AS d
        JOIN owned AS o ON o.name = d.name
        WHERE d.kind IN ('forwarded', 'started', 'passed')
        UNION ALL
        SELECT d.name, o.attached_column, 'archived', lower(u.part), upper(u.part)
        FROM decided AS d
        JOIN owned AS o ON o.name = d.name
        CROSS JOIN LATERAL unnest(d.numbers) AS u (part)
        UNION ALL
        SELECT f.name, NULL, 'missing', lower(u.part), upper(u.part)
        FROM former AS f
        JOIN owned AS o ON o.name = f.name AND o.attached_column IS NULL
        CROSS JOIN LATERAL unnest(f.missing) AS u (part)
    ), turn AS (
        SELECT e.name, e.attached_column, e.at,
            sum(e.step) FILTER (WHERE e.source = 'present') AS present,
            sum(e.step) FILTER (WHERE e.source = 'issued') AS issued,
            sum(e.step) FILTER (WHERE e.source = 'adopted') AS adopted,
            sum(e.step) FILTER (WHERE e.source = 'pruned') AS pruned,
            sum(e.step) FILTER (WHERE e.source = 'lost') AS lost,
            sum(e.step) FILTER (WHERE e.source = 'void') AS void,
            sum(e.step) FILTER (WHERE e.source = 'started') AS started,
            sum(e.step) FILTER (WHERE e.source = 'passed') AS passed,
            sum(e.step) FILTER (WHERE e.source = 'archived') AS archived,
            sum(e.step) FILTER (WHERE e.source = 'missing') AS missing,
            bool_or(e.step > 0 AND e.source IN ('issued', 'pruned')) AS begins
        FROM swept AS s
        JOIN (
            SELECT p.name, p.attached_column, p.source, w.* FROM span AS p CROSS JOIN LATERAL (VALUES (p.first, 1), (p.after, -1)) AS w (at, step)
        ) AS e ON e.name = s.name AND e.attached_column IS NOT DISTINCT FROM s.attached_column
        GROUP BY e.name, e.attached_column, e.at
    ), stretch AS MATERIALIZED (
        -- Between two turns: of which sets it is.
        SELECT t.name, t.attached_column, t.begins, t.at AS first, lead(t.at) OVER series AS after,
            sum(t.present) OVER series > 0 AS present,
            sum(t.issued) OVER series > 0 AS issued,
            sum(t.adopted) OVER series > 0 AS adopted,
            sum(t.pruned) OVER series > 0 AS pruned,
            sum(t.lost) OVER series > 0 AS lost,
            sum(t.void) OVER series > 0 AS void,
            sum(t.started) OVER series > 0 AS started,
            sum(t.passed) OVER series > 0 AS passed,
            sum(t.archived) OVER series > 0 AS archived,
            sum(t.missing) OVER series > 0 AS missing
        FROM turn AS t
        WINDOW series AS (PARTITION BY t.name, t.attached_column ORDER BY t.at)
    ), known AS (
        SELECT s.name, s.attached_column, s.begins, s.first, s.after,
            coalesce(s.present, false) AS present, coalesce(s.issued, false) AS issued, coalesce(s.adopted, false) AS adopted, coalesce(s.pruned, false) AS pruned,
            coalesce(s.lost, false) AS lost, coalesce(s.void, false) AS void, coalesce(s.started, false) AS started, coalesce(s.passed, false) AS passed, coalesce(s.archived, false) AS archived,
            coalesce(s.missing, false) AS missing, g.name IS NOT NULL AS gone
        FROM stretch AS s
        LEFT JOIN gone AS g ON g.name = s.name
        WHERE s.after IS NOT NULL AND s.first > '-Infinity'
    ), piece AS MATERIALIZED (
        -- Of columns: what was given out and is not there, and what is there and was not given out. Of others only the
        -- journal is known. Pieces of one kind that meet are one, but for those of two segments of the journal.
        SELECT i.name, i.attached_column, i.kind, i.cause, min(i.first) AS first, max(i.after) AS after
        FROM (
            SELECT j.*, count(*) FILTER (WHERE j.apart) OVER (PARTITION BY j.name, j.attached_column, j.kind, j.cause, j.way ORDER BY j.first) AS island
            FROM (
                SELECT k.name, k.attached_column, w.*, k.first, k.after,
                    k.begins OR lag(k.after) OVER (PARTITION BY k.name, k.attached_column, w.kind, w.cause, w.way ORDER BY k.first) IS DISTINCT FROM k.first AS apart
                FROM known AS k
                CROSS JOIN LATERAL (
                    SELECT 'void' AS kind, 'void' AS cause, k.issued::integer AS way WHERE k.attached_column IS NOT NULL AND k.void AND k.present
                    UNION ALL
                    SELECT 'hole', 'void', k.issued::integer WHERE k.attached_column IS NOT NULL AND k.void AND NOT k.present
                    UNION ALL
                    SELECT 'never issued', NULL, 0 WHERE k.attached_column IS NOT NULL AND k.present AND NOT (k.issued OR k.adopted OR k.pruned)
                    UNION ALL
                    SELECT 'hole', NULL, 0 WHERE k.attached_column IS NULL AND k.lost
                    UNION ALL
                    SELECT 'hole', 'missing', 0 WHERE k.attached_column IS NULL AND k.missing AND NOT (k.void OR k.lost)
                    UNION ALL
                    SELECT 'not read', 'gone', 0
                    WHERE k.attached_column IS NULL AND k.gone AND (k.issued OR k.pruned OR k.adopted AND NOT (k.started OR k.passed)) AND NOT (k.void OR k.archived)
                    UNION ALL
                    SELECT 'hole', 'forwarded', 0 WHERE k.passed AND NOT (k.present OR k.void OR k.archived)
                    UNION ALL
                    SELECT 'hole', w.cause, w.way
                    FROM (
                        SELECT NULL AS cause, 0 AS way WHERE (k.issued OR k.pruned) AND NOT k.adopted
                        UNION ALL
                        SELECT NULL, 1 WHERE k.lost AND NOT (k.issued OR k.pruned OR k.adopted)
                        UNION ALL
                        SELECT 'adopted', 0 WHERE k.adopted AND NOT (k.started OR k.passed)
                    ) AS w
                    WHERE k.attached_column IS NOT NULL AND NOT (k.present OR k.void OR k.archived)
                ) AS w
            ) AS j
        ) AS i
        WHERE i.cause IS DISTINCT FROM 'adopted'
            OR NOT EXISTS (SELECT FROM gapless.known_text AS k WHERE k.name = i.name AND k.value IS NULL AND k.reason IS NULL) -- which may be of any of them
        GROUP BY i.name, i.attached_column, i.kind, i.cause, i.way, i.island
    ), share AS MATERIALIZED (
        SELECT n.name, n.head_of_series, n.attached_column, range_agg(numrange(n.first_value, n.last_value::numeric + 1)) AS numbers
        FROM number AS n
        WHERE n.finding IS NULL AND n.head_of_series IN (SELECT m.head_of_series FROM number AS m WHERE m.attached_column <> m.head_of_series)
        GROUP BY n.name, n.head_of_series, n.attached_column
    ), fault AS MATERIALIZED (
        SELECT p.name, p.attached_column AS head, p.attached_column, p.kind, p.cause, p.first, p.after, NULL AS void
        FROM piece AS p
        WHERE p.cause IS NULL OR p.cause IN ('adopted', 'missing')
        UNION ALL
        -- A column's sequence does not cycle.
        SELECT o.name, o.attached_column, o.attached_column, 'double', 'the journal has it twice', g.first_value, least(g.before, g.last_value)::numeric + 1, NULL
        FROM owned AS o
        JOIN segment AS g ON g.name = o.name AND g.first_value <= g.before AND g.kind = 'issued'
        WHERE o.attached_column IS NOT NULL AND NOT EXISTS (SELECT FROM unread AS u WHERE u.head_of_series = o.attached_column)
        UNION ALL
        SELECT b.name, b.head_of_series, b.attached_column, 'double', format('column %s has it, too', a.attached_column), lower(u.part), upper(u.part), NULL
        FROM share AS a
        JOIN share AS b ON b.name = a.name AND b.head_of_series = a.head_of_series AND b.attached_column > a.attached_column AND b.numbers && a.numbers
        CROSS JOIN LATERAL unnest(a.numbers * b.numbers) AS u (part)
        UNION ALL
        SELECT n.name, n.head_of_series, n.attached_column, replace(n.finding, 'misdated', 'changed after issue'), n.detail, n.first_value, n.first_value::numeric + 1, NULL
        FROM number AS n
        WHERE n.finding IN ('double', 'misdated', 'broken')
        UNION ALL
        -- Voids with their reasons: one by one, or as void_gapless_batch made them.
        SELECT i.name, i.attached_column, i.attached_column, i.kind, 'void', min(i.value), max(i.value)::numeric + 1, format('void: %s (%s, %s)', i.reason, i.voided_by, i.voided_at)
        FROM (
            SELECT p.name, p.attached_column, p.kind, p.first, v.value, v.reason, v.voided_by, v.voided_at,
                v.value::numeric - row_number() OVER (PARTITION BY p.name, p.attached_column, p.kind, p.first, v.reason, v.voided_by, v.voided_at ORDER BY v.value) AS island
            FROM piece AS p
            JOIN LATERAL (
                SELECT DISTINCT ON (v.value) v.*
                FROM gapless.void AS v
                WHERE v.name = p.name AND v.value >= p.first::bigint AND v.value <= (p.after - 1)::bigint
                ORDER BY v.value, v.ordinal DESC
            ) AS v ON true
            WHERE p.cause = 'void'
        ) AS i
        GROUP BY i.name, i.attached_column, i.kind, i.first, i.reason, i.voided_by, i.voided_at, i.island
    ), placed AS MATERIALIZED (
        -- The segment of the journal that each begins in: the last one that begins at or before it.
        SELECT w.name, w.head, w.attached_column, w.kind, w.cause, w.first, w.after, w.void, w.begin
        FROM (
            SELECT w.*, max(w.begins) OVER (PARTITION BY w.name ORDER BY w.first, w.begins IS NULL) AS begin
            FROM (
                SELECT f.*, NULL::bigint AS begins FROM fault AS f
                UNION ALL
                SELECT g.name, NULL, NULL, NULL, NULL, least(g.first_value, g.last_value), NULL, NULL, least(g.first_value, g.last_value)
                FROM segment AS g
                WHERE g.kind IN ('issued', 'pruned') AND g.name IN (SELECT f.name FROM fault AS f)
            ) AS w
        ) AS w
        WHERE w.begins IS NULL
    ), lacking AS MATERIALIZED (
        SELECT p.attached_column, range_agg(numrange(p.first, p.after)) AS parts FROM piece AS p WHERE p.kind = 'hole' AND p.cause IS NULL AND p.attached_column IS NOT NULL GROUP BY p.attached_column
    ), finding AS MATERIALIZED (
        SELECT
            p.name, p.head, p.attached_column, p.kind,
            greatest(p.first, min(j.first_value))::bigint AS first_value,
            least(p.after - 1, max(j.last_value))::bigint AS last_value,
            p.cause IN ('void', 'adopted') IS TRUE AS explained,
            CASE
                WHEN p.cause = 'void' THEN p.void
                WHEN p.cause = 'adopted' THEN 'adopted: given out by another system'
                WHEN p.cause = 'missing' THEN (
                    SELECT format('the journal has it, and no row had it when column %s was detached (%s, %s)', f.title, f.detached_by, f.detached_at) FROM gapless.former AS f WHERE f.name = p.name
                )
                WHEN p.cause IS NULL AND p.kind = 'hole' AND count(j.ordinal) = 0 THEN 'neither the journal nor the column has it'
                WHEN p.cause IS NULL AND p.kind = 'hole' AND max(j.pruned_by) IS NOT NULL THEN format('the journal had it, until %s pruned that at %s, and no row has it', max(j.pruned_by), min(j.pruned_at))
                WHEN p.cause IS NULL AND p.kind = 'hole' THEN 'the journal has it, and no row'
                WHEN p.cause IS NULL AND EXISTS (SELECT FROM lacking AS l WHERE l.attached_column = p.attached_column AND l.parts && numrange(p.first, p.after))
                    THEN 'a row has it, and the journal has it in another sequence: the row was moved with the triggers off, or what the expressions call has changed'
                WHEN p.cause IS NULL THEN 'a row has it, and the journal does not'
                ELSE p.cause
            END AS explanation,
            max(j.allocated_by) AS allocated_by,
            max(j.allocated_as) AS allocated_as,
            min(j.allocated_at) AS allocated_at,
            j.txid
        FROM placed AS p
        LEFT JOIN segment AS g
            ON g.name = p.name AND least(g.first_value, g.last_value) = p.begin AND greatest(g.first_value, g.last_value) >= p.first
            AND (g.kind = 'issued' OR g.kind = 'pruned' AND p.kind = 'hole' AND p.attached_column IS NOT NULL)
            AND p.cause IS DISTINCT FROM 'adopted'
        -- The journal's rows for it: its run's ordinals rise as its values do.
        LEFT JOIN LATERAL (
            SELECT a.ordinal, a.first_value, a.last_value,
                CASE WHEN a.kind = 'issued' THEN a.allocated_by END AS allocated_by, CASE WHEN a.kind = 'issued' THEN a.allocated_as END AS allocated_as,
                CASE WHEN a.kind = 'issued' THEN a.allocated_at END AS allocated_at, CASE WHEN a.kind = 'issued' THEN a.txid END AS txid,
                CASE WHEN a.kind = 'pruned' THEN a.allocated_by END AS pruned_by, CASE WHEN a.kind = 'pruned' THEN a.allocated_at END AS pruned_at
            FROM gapless.journal AS a
            WHERE a.name = g.name
                AND a.ordinal >= (
                    SELECT b.ordinal
                    FROM gapless.journal AS b
                    WHERE b.name = g.name AND b.ordinal <= g.ordinal + greatest(p.first::bigint - g.first_value, 0)
                    ORDER BY b.ordinal DESC
                    LIMIT 1
                )
                AND a.ordinal <= g.ordinal + (least((p.after - 1)::bigint, g.last_value) - g.first_value)
            OFFSET 0 -- one after another: there are few, and the journal is long
        ) AS j ON true
        GROUP BY p.name, p.head, p.attached_column, p.kind, p.cause, p.first, p.after, p.void, j.txid
        UNION ALL
        SELECT n.name, n.head_of_series, n.attached_column, 'changed after issue', NULL, NULL, false, n.detail, NULL, NULL, NULL, NULL
        FROM number AS n
        WHERE n.finding = 'unreadable'
        UNION ALL
        -- Voids of other sequences, each of its own cycle.
        SELECT i.name, NULL, NULL, 'void', min(i.value), max(i.value), true, format('void: %s (%s, %s)', i.reason, i.voided_by, i.voided_at),
            i.allocated_by, i.allocated_as, min(i.allocated_at), i.txid
        FROM (
            SELECT v.name, v.value, v.reason, v.voided_by, v.voided_at, a.allocated_by, a.allocated_as, a.allocated_at, a.txid,
                v.value::numeric - row_number() OVER (PARTITION BY v.name, v.reason, v.voided_by, v.voided_at, a.txid ORDER BY v.value) AS island
            FROM owned AS o
            JOIN voided AS v ON v.name = o.name
            LEFT JOIN LATERAL (
                SELECT b.* FROM gapless.journal AS b WHERE b.name = v.name AND b.ordinal <= v.ordinal ORDER BY b.ordinal DESC LIMIT 1
            ) AS a ON a.kind = 'issued'
            WHERE o.attached_column IS NULL
        ) AS i
        GROUP BY i.name, i.reason, i.voided_by, i.voided_at, i.allocated_by, i.allocated_as, i.txid, i.island
        UNION ALL
        -- What was decided, each with its reason.
        SELECT p.name, p.attached_column, p.attached_column, p.kind, lower(r.part)::bigint, (upper(r.part) - 1)::bigint, true, format('%s: %s (%s, %s)', d.kind, d.reason, d.decided_by, d.decided_at),
            d.decided_by, d.decided_as, d.decided_at, d.txid
        FROM piece AS p
        JOIN decided AS d ON d.name = p.name AND d.kind IN ('forwarded', 'passed')
        CROSS JOIN LATERAL (SELECT numrange(p.first, p.after) * numrange(d.first_value, d.last_value::numeric + 1) AS part) AS r
        WHERE p.cause = 'forwarded' AND NOT isempty(r.part)
        UNION ALL
        SELECT d.name, o.attached_column, o.attached_column, w.kind, CASE WHEN d.kind IN ('live', 'archived', 'range', 'withdrawn') THEN d.first_value ELSE w.value END, w.value, true,
            format('%s: %s (%s%s, %s)', w.kind, d.reason, (SELECT format('%s numbers, ', sum(upper(u.part) - lower(u.part))) FROM unnest(d.numbers) AS u (part) HAVING count(*) > 0), d.decided_by, d.decided_at),
            d.decided_by, d.decided_as, d.decided_at, d.txid
        FROM owned AS o
        JOIN decided AS d ON d.name = o.name AND d.kind NOT IN ('forwarded', 'passed')
        CROSS JOIN LATERAL (
            SELECT
                CASE d.kind WHEN 'started' THEN 'start' ELSE d.kind END AS kind,
                CASE WHEN d.kind = 'started' AND d.last_value < 9223372036854775807 THEN d.last_value + 1 ELSE d.last_value END AS value
        ) AS w
        WHERE NOT EXISTS (SELECT FROM unread AS u WHERE u.head_of_series = o.attached_column)
        UNION ALL
        SELECT '', n.head_of_series, n.attached_column, 'not read', NULL, NULL, bool_and(n.finding = 'detached'), min(n.detail), NULL, NULL, NULL, NULL
        FROM number AS n
        WHERE n.finding IN ('failed', 'detached')
        GROUP BY n.head_of_series, n.attached_column
        UNION ALL
        SELECT e.name, NULL, NULL, 'not read', min(e.first_value), max(e.last_value), false,
            'its row in gapless.sequence_lock is gone, and nothing can be told of it: restore the row from a backup', NULL, NULL, NULL, NULL
        FROM entry AS e
        WHERE NOT EXISTS (SELECT FROM chosen AS c WHERE c.name = e.name)
        GROUP BY e.name
        UNION ALL
        SELECT f.name, NULL, f.title, 'not read', NULL, NULL, false, format('the column could not be read when it was detached (%s, %s), so nobody knows what was missing', f.detached_by, f.detached_at), NULL, NULL, NULL, NULL
        FROM former AS f
        JOIN owned AS o ON o.name = f.name AND o.attached_column IS NULL
        WHERE f.unread
        UNION ALL
        SELECT p.name, NULL, g.title, 'not read', min(p.first)::bigint, (max(p.after) - 1)::bigint, false,
            CASE WHEN g.shard IS NULL THEN 'the table was dropped, and its rows with it. Restore it and attach it again; or void the numbers, with the reason'
                ELSE format('shard %s, which had its rows, is not on this node any more: on the coordinator, attach_shards brings its series to where they are', g.shard)
            END, NULL, NULL, NULL, NULL
        FROM piece AS p
        JOIN gone AS g ON g.name = p.name
        WHERE p.cause = 'gone'
        GROUP BY p.name, g.title, g.shard
    ), summary AS MATERIALIZED (
        SELECT o.name, o.attached_column, r.first_value, r.last_value, r.details
        FROM owned AS o
        LEFT JOIN (
            SELECT n.name, n.head_of_series, sum(n.documents) AS documents, min(n.first_value) AS first_value, max(n.last_value) AS last_value, min(n.dated_from) AS dated_from, max(n.dated_until) AS dated_until,
                jsonb_object_agg(n.attached_column, n.documents) FILTER (WHERE n.attached_column <> n.head_of_series OR n.several) AS columns
            FROM (
                SELECT n.name, n.head_of_series, n.attached_column, sum(n.documents) AS documents, min(n.first_value) AS first_value, max(n.last_value) AS last_value, min(n.dated_from) AS dated_from,
                    max(n.dated_until) AS dated_until, count(*) OVER (PARTITION BY n.name, n.head_of_series) > 1 AS several
                FROM (
                    SELECT n.name, n.head_of_series, n.attached_column, n.documents, n.first_value, n.last_value, n.dated_from, n.dated_until FROM number AS n WHERE n.finding IS NULL OR n.finding = 'unreadable'
                    UNION ALL
                    SELECT f.name, f.head_of_series, f.attached_column, f.documents, s.first_value, s.last_value, f.dated_from, f.dated_until
                    FROM sound AS s
                    JOIN fingerprint AS f ON f.name = s.name AND f.head_of_series = s.head_of_series AND f.finding IS NULL
                ) AS n
                GROUP BY n.name, n.head_of_series, n.attached_column
            ) AS n
            GROUP BY n.name, n.head_of_series
        ) AS n ON n.name = o.name AND n.head_of_series = o.attached_column
        LEFT JOIN (
            SELECT k.name, k.attached_column,
                sum(k.after - k.first) FILTER (WHERE k.void) AS void,
                sum(k.after - k.first) FILTER (WHERE k.adopted AND k.present AND NOT k.issued) AS adopted,
                sum(k.after - k.first) FILTER (WHERE k.archived) AS archived
            FROM known AS k
            GROUP BY k.name, k.attached_column
        ) AS k ON k.name = o.name AND k.attached_column IS NOT DISTINCT FROM o.attached_column
        LEFT JOIN (
            SELECT p.name, p.attached_column, sum(p.after - p.first) AS missing FROM piece AS p WHERE p.kind = 'hole' AND (p.cause IS NULL OR p.cause = 'missing') GROUP BY p.name, p.attached_column
        ) AS m ON m.name = o.name AND m.attached_column IS NOT DISTINCT FROM o.attached_column
        LEFT JOIN (
            SELECT g.name, min(least(g.first_value, g.last_value)) FILTER (WHERE g.kind <> 'adopted') AS first_value, max(greatest(g.first_value, g.last_value)) AS last_value, max(g.ordinal + (g.last_value::numeric - g.first_value)) AS ordinal FROM segment AS g GROUP BY g.name
        ) AS g ON g.name = o.name
        LEFT JOIN period AS d ON d.name = o.name
        CROSS JOIN LATERAL (
            SELECT least(n.first_value, g.first_value) AS first_value, greatest(n.last_value, g.last_value) AS last_value, jsonb_strip_nulls(jsonb_build_object(
                'documents', CASE WHEN o.attached_column IS NOT NULL THEN coalesce(n.documents, 0) END,
                'columns', n.columns,
                'issued', coalesce(g.ordinal - o.adoptions, 0),
                'void', coalesce(k.void, 0),
                'adopted', coalesce(k.adopted, 0),
                'archived', coalesce(k.archived, 0),
                'missing', coalesce(m.missing, 0),
                'allocated_from', d.allocated_from,
                'allocated_until', d.allocated_until,
                'dated_from', n.dated_from,
                'dated_until', n.dated_until
            )) AS details
        ) AS r
        WHERE with_series AND NOT EXISTS (SELECT FROM unread AS u WHERE u.head_of_series = o.attached_column) AND NOT EXISTS (SELECT FROM piece AS p WHERE p.name = o.name AND p.cause = 'gone')
    ), line AS MATERIALIZED (
        SELECT f.*, NULL::jsonb AS details, row_number() OVER () AS i FROM finding AS f
        UNION ALL
        SELECT s.name, s.attached_column, s.attached_column, 'series', s.first_value, s.last_value, true, 'compared', NULL, NULL, NULL, NULL, s.details, NULL FROM summary AS s
    ), asked AS MATERIALIZED (
        -- The rows that are meant: of a range the first ones, and the last.
        SELECT DISTINCT l.i, l.name, l.head, CASE WHEN l.kind IN ('changed after issue', 'broken') THEN l.attached_column END AS only, u.value::text AS number
        FROM line AS l
        CROSS JOIN LATERAL (
            SELECT generate_series(l.first_value, least(l.last_value, CASE WHEN l.first_value < 9223372036854775788 THEN l.first_value + 19 ELSE l.last_value END)) AS value
            UNION
            SELECT l.last_value
        ) AS u
        WHERE l.kind IN ('double', 'never issued', 'changed after issue', 'broken') AND l.first_value IS NOT NULL
        UNION ALL
        SELECT l.i, l.name, l.head, l.attached_column, '#' || n.first_text
        FROM line AS l
        JOIN number AS n ON n.finding = 'unreadable' AND n.name IS NOT DISTINCT FROM l.name AND n.attached_column = l.attached_column AND n.detail = l.explanation
        WHERE l.kind = 'changed after issue' AND l.first_value IS NULL
    ), met AS MATERIALIZED (
        SELECT coalesce(n.series, '') COLLATE "C" AS name, n.head_of_series, n.attached_column, coalesce(n.first_value::text, '#' || n.first_text) AS number, n.first_text, n.keys
        FROM gapless.audit_numbers(
            ARRAY(SELECT w.name FROM (SELECT DISTINCT a.name, a.number FROM asked AS a) AS w ORDER BY w.name, w.number),
            ARRAY(SELECT DISTINCT a.head FROM asked AS a),
            meant => ARRAY(SELECT w.number FROM (SELECT DISTINCT a.name, a.number FROM asked AS a) AS w ORDER BY w.name, w.number),
            checks => false,
            unsound => ARRAY(SELECT DISTINCT a.head FROM asked AS a)
        ) AS n
        WHERE n.finding = 'row' AND EXISTS (SELECT FROM asked AS a)
    ), meant AS (
        SELECT w.i, jsonb_agg(w.keys ORDER BY w.place) FILTER (WHERE w.place <= 20) AS keys
        FROM (
            SELECT a.i, CASE WHEN m.attached_column <> m.head_of_series THEN m.keys || jsonb_build_object('', m.attached_column) ELSE m.keys END AS keys,
                row_number() OVER (PARTITION BY a.i ORDER BY length(m.number), m.number, m.keys) AS place
            FROM asked AS a
            JOIN met AS m ON m.name = a.name AND m.head_of_series = a.head AND m.number = a.number AND (a.only IS NULL OR m.attached_column = a.only)
        ) AS w
        GROUP BY w.i
    ), wanted AS MATERIALIZED (
        SELECT l.name, l.first_value AS value FROM line AS l WHERE l.head IS NOT NULL
        UNION
        SELECT l.name, l.last_value FROM line AS l WHERE l.head IS NOT NULL
    ), texted AS MATERIALIZED (
        -- Of few, the journal is not read again, but by its index.
        SELECT DISTINCT e.name FROM entry AS e WHERE e.written AND e.name IN (SELECT w.name FROM wanted AS w)
    ), written AS MATERIALIZED (
        SELECT w.name, w.value, min(w.number) AS number
        FROM (
            SELECT j.name, j.first_value + (u.i - 1) AS value, u.number
            FROM (
                SELECT a.name, a.first_value, a.texts FROM gapless.journal AS a WHERE (SELECT count(*) > 10 FROM texted) AND a.name IN (SELECT t.name FROM texted AS t)
                UNION ALL
                SELECT a.name, a.first_value, a.texts FROM gapless.journal AS a WHERE a.name = ANY (ARRAY(SELECT t.name FROM texted AS t WHERE (SELECT count(*) <= 10 FROM texted)))
            ) AS j
            CROSS JOIN LATERAL unnest(j.texts) WITH ORDINALITY AS u (number, i)
            UNION ALL
            SELECT v.name, v.value, v.written FROM voided AS v WHERE v.written IS NOT NULL
            UNION ALL
            SELECT k.name, k.value, k.number FROM known_text AS k WHERE k.value IS NOT NULL
            UNION ALL
            SELECT m.name, m.number::bigint, m.first_text FROM met AS m WHERE m.number NOT LIKE '#%' AND m.first_text <> m.number
            UNION ALL
            SELECT n.name, u.value, u.number
            FROM number AS n
            CROSS JOIN LATERAL (VALUES (n.first_value, n.first_text), (n.last_value, n.last_text)) AS u (value, number)
            WHERE n.finding IS NULL AND u.number <> u.value::text
        ) AS w
        JOIN wanted AS a ON a.name = w.name AND a.value = w.value
        GROUP BY w.name, w.value
    )
    SELECT
        f.sequence, f.attached_column, f.kind, f.first_value, f.last_value, f.explained, f.explanation, f.allocated_by, f.allocated_as,
        CASE WHEN f.allocated_at BETWEEN '0001-01-02' AND '9999-12-31' THEN f.allocated_at END, f.txid, -- others were forged, and many programs cannot read them
        f.first_text, f.last_text, f.keys, r.recorded_at, f.details
    FROM (
        SELECT
            coalesce(l.name, '')::text,
            coalesce(CASE WHEN l.kind = 'never issued' THEN (
                SELECT string_agg(h.attached_column, ', ' ORDER BY h.attached_column)
                FROM share AS h
                WHERE h.name = l.name AND h.head_of_series = l.head AND h.numbers && numrange(l.first_value, l.last_value::numeric + 1)
            ) END, l.attached_column),
            l.kind, l.first_value, l.last_value, l.explained, l.explanation, l.allocated_by, l.allocated_as, l.allocated_at, l.txid,
            coalesce(b.number, u.number)::text, coalesce(e.number, u.number)::text, m.keys, l.details
        FROM line AS l
        LEFT JOIN written AS b ON b.name = l.name AND b.value = l.first_value
        LEFT JOIN written AS e ON e.name = l.name AND e.value = l.last_value
        LEFT JOIN meant AS m ON m.i = l.i
        LEFT JOIN LATERAL (SELECT substr(a.number, 2) AS number FROM asked AS a WHERE a.i = l.i AND a.number LIKE '#%') AS u ON l.first_value IS NULL
    ) AS f (sequence, attached_column, kind, first_value, last_value, explained, explanation, allocated_by, allocated_as, allocated_at, txid, first_text, last_text, keys, details)
    LEFT JOIN (
        SELECT k.key, (a.entry ->> 'recorded_at')::timestamptz AS recorded_at
        FROM gapless.recorded_finding AS k
        JOIN gapless.audit_record AS a ON a.ordinal = k.record
    ) AS r ON r.key = CASE
        WHEN f.kind <> 'series' AND (SELECT EXISTS (SELECT FROM gapless.recorded_finding)) -- else none has a key, which takes long to make of many
        THEN gapless.finding_key(f.sequence, f.attached_column, f.kind, f.first_value, f.last_value, f.first_text, f.explained)
    END
    ORDER BY 1, 4, 3, 10, 2, 7;
    PERFORM gapless.check_not_rewritten();
END;
$function$;

COMMENT ON FUNCTION gapless.audit_gapless IS
'Compares the journal, the attached columns and the voids of a sequence, of those whose names are LIKE a pattern, of a table''s columns, or of all: a row for each hole, double, number that was never issued, was changed after issue or does not fit into its chain, and void, for each column that could not be read, and sequence whose table was dropped, and for what was decided about it (close_gapless, open_gapless, forward_gapless, go_live_gapless, archive_gapless, range_gapless, withdraw_gapless), explained or not, with who allocated it, when and in which transaction, the text as printed and the primary keys of the rows that are meant; and, with_series, one for each series that was compared. Nothing that is not explained, and nothing that was not read, means that numbering is sound. Reads all in one snapshot and locks out nobody. Raises 22023 for the name; 42704 where the table has no such column; 40001 where a table of gapless was rewritten since the snapshot.';

REVOKE ALL ON FUNCTION gapless.audit_gapless FROM PUBLIC;
