-- One pass over each column, by the function that attach_gapless made for it, which runs with the rights of the
-- table's owner. Locks no row. finding is:
--     NULL          a run from first_value to last_value; or, where there is a seed, a series
--     row           the row of first_value, of those that were asked for
--     double        first_value is there more than once
--     unreadable    the text of a number gives no value
--     misdated      the row of first_value has another date than the journal
--     broken        the row of first_value does not fit into its chain
--     failed        the column could not be read, so nothing else is said of it
--     detached      nor could it, since it was detached after the snapshot
-- It is long because it has the queries of its three uses.
CREATE OR REPLACE FUNCTION gapless.audit_numbers(
    names    text[] DEFAULT NULL, -- the series; NULL: all
    heads    text[] DEFAULT NULL, -- only these columns, and those that share their series; NULL: all
    seed     bigint DEFAULT NULL, -- of fingerprints, instead of runs and of columns that cannot be audited
    meant    text[] DEFAULT NULL, -- with names: rows that are asked for, instead of runs; each by its value, or # and its text
    checks   boolean DEFAULT true, -- whether to compare dates and chains, too
    unsound  text[] DEFAULT NULL  -- the heads of the columns to read; NULL: those that own the names, or all where one has no owner
) RETURNS TABLE (
    series          text,
    attached_column text,
    head_of_series  text,   -- the column whose series they are: attached_column, or that whose series it shares
    finding         text,
    first_value     bigint,
    last_value      bigint,
    documents       bigint, -- how many rows
    print           bigint, -- their fingerprint
    first_text      text,
    last_text       text,
    dated_from      timestamp,
    dated_until     timestamp,
    keys            jsonb,  -- of a row its primary key
    detail          text
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER -- trap: one snapshot for all columns
SET search_path = pg_catalog, pg_temp
SET jit = off
SET enable_nestloop = on -- which the caller sets off, and the next one, too
SET enable_mergejoin = on
SET plan_cache_mode = auto -- nor has it one plan for any names
AS $function$
DECLARE
    attached record;
    remedy   CONSTANT text := 'Detach the column and attach it again.';
    done     boolean;
    violated text;
    owners   oid[]; -- of the names; NULL: every table, since one may have been lost
BEGIN
    IF names IS NOT NULL AND unsound IS NULL THEN
        SELECT CASE WHEN count(*) = cardinality(names) THEN array_agg(DISTINCT s.target::oid) END INTO owners FROM gapless.sequence_lock AS s WHERE s.name = ANY (names);
    END IF;
    FOR attached IN
        SELECT c.*,
            (heads IS NULL OR c.head_title = ANY (heads))
            AND (c.head_title = ANY (unsound) OR unsound IS NULL AND (owners IS NULL OR EXISTS (
                SELECT FROM gapless.sequence_lock AS s
                WHERE s.name = ANY (names) AND s.target = c.head AND s.target_column = c.head_column
            ))) AS asked
        FROM gapless.audit_columns(owners) AS c
    LOOP
        CONTINUE WHEN attached.asked IS NOT TRUE;
        -- trap: others commit between two columns
        done := false;
        BEGIN
            -- The owner can have put anything in the place of what is called. So it runs where nothing can be written (no
            -- trigger is left for the end of the auditor's transaction, no other function changed), and what it did to the
            -- session is undone below.
            PERFORM set_config('transaction_read_only', 'on', true);
            PERFORM gapless.column_refuse('managed', attached.relation, attached.column_name, NULL, NULL) WHERE gapless.column_shard_kind(attached.relation) IS NOT NULL;
            PERFORM gapless.column_check_names(u.relation, attached.column_name, attached.inputs) FROM unnest(attached.relations) AS u (relation) WHERE pg_relation_size(u.relation) IS NOT NULL; -- dropped meanwhile
            IF seed IS NOT NULL THEN
                RETURN QUERY EXECUTE format(
                    $query$
                    SELECT r.series, $2, $3, NULL::text, NULL::bigint, NULL::bigint, r.documents, r.print, NULL::text, NULL::text, r.dated_from, r.dated_until, NULL::jsonb, NULL::text
                    FROM %s($4, seed => $1) AS r (series text, documents bigint, print bigint, dated_from timestamp, dated_until timestamp)
                    $query$,
                    gapless.audit_reader(attached.prints_reader, attached.relation)
                ) USING seed, attached.title, attached.head_title, names;
            ELSIF meant IS NOT NULL THEN
                RETURN QUERY EXECUTE format(
                    $query$
                    SELECT r.series, $3, $4, 'row', r.value, r.value, 1::bigint, NULL::bigint, r.number, r.number, r.dated, r.dated, r.key, NULL::text
                    FROM %s($1, true) AS r (series text, value bigint, number text, dated timestamp, key jsonb)
                    JOIN unnest($1, $2) AS w (name, number) ON w.name = coalesce(r.series, '') COLLATE "C" AND w.number = coalesce(r.value::text, '#' || r.number) COLLATE "C"
                    $query$,
                    gapless.audit_reader(attached.rows_reader, attached.relation)
                ) USING names, meant, attached.title, attached.head_title;
            ELSE
                RETURN QUERY EXECUTE format(
                    $query$
                    WITH edge AS MATERIALIZED (
                        SELECT *
                        FROM (
                            SELECT
                                r.*,
                                row_number() OVER numbers AS place,
                                lag(r.value) OVER numbers AS before,
                                lead(r.value) OVER numbers AS after,
                                min(r.dated) OVER series AS earliest,
                                max(r.dated) OVER series AS latest
                            FROM %s($1) AS r (series text, value bigint, number text, dated timestamp)
                            WINDOW series AS (PARTITION BY r.series COLLATE "C"), numbers AS (PARTITION BY r.series COLLATE "C" ORDER BY r.value)
                        ) AS neighbour
                        WHERE before IS NULL OR after IS NULL OR value <= before OR value - 1 > before OR after - 1 > value
                    ), start AS (
                        SELECT e.*, row_number() OVER (ORDER BY e.series COLLATE "C", e.place) AS i
                        FROM edge AS e
                        WHERE e.value IS NOT NULL AND (e.before IS NULL OR e.value - 1 > e.before)
                    ), stop AS (
                        SELECT e.*, row_number() OVER (ORDER BY e.series COLLATE "C", e.place) AS i
                        FROM edge AS e
                        WHERE e.value IS NOT NULL AND (e.after IS NULL OR e.after - 1 > e.value)
                    )
                    SELECT b.series, $2, $3, NULL::text, b.value, e.value, e.place - b.place + 1, NULL::bigint, b.number, e.number, b.earliest, b.latest, NULL::jsonb, NULL::text
                    FROM start AS b
                    JOIN stop AS e USING (i)
                    UNION ALL
                    SELECT e.series, $2, $3, 'double', e.value, e.value, NULL, NULL, NULL, NULL, NULL, NULL, NULL, pg_catalog.format('%%s rows have it', count(*) + 1)
                    FROM edge AS e
                    WHERE e.value = e.before
                    GROUP BY e.series, e.value
                    UNION ALL
                    SELECT e.series, $2, $3, 'unreadable', NULL, NULL, 1, NULL, e.number, e.number, NULL, NULL, NULL, pg_catalog.format('%%s cannot be read back', e.number)
                    FROM edge AS e
                    WHERE e.value IS NULL
                    $query$,
                    gapless.audit_reader(attached.rows_reader, attached.relation)
                ) USING names, attached.title, attached.head_title;
            END IF;
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true); -- what was called may have put its own first

            IF checks AND attached.dated AND EXISTS (
                SELECT FROM gapless.sequence_lock AS s
                JOIN gapless.journal AS a ON a.name = s.name
                WHERE s.target = attached.head AND s.target_column = attached.head_column AND (names IS NULL OR s.name = ANY (names)) AND a.dated IS NOT NULL
            ) THEN
                RETURN QUERY EXECUTE format(
                    $query$
                    SELECT r.series, $2, $3, 'misdated', r.value, r.value, NULL::bigint, NULL::bigint, r.number, r.number, NULL::timestamp, NULL::timestamp, NULL::jsonb,
                        pg_catalog.format('dated %%s, and %%s when it was issued', coalesce(r.dated::text, 'nothing'), a.dated)
                    FROM %s($1) AS r (series text, value bigint, number text, dated timestamp)
                    JOIN gapless.journal AS a ON a.name = r.series COLLATE "C" AND a.last_value = r.value AND a.kind <> 'pruned'
                    WHERE a.dated IS DISTINCT FROM r.dated AND a.dated IS NOT NULL
                    $query$,
                    gapless.audit_reader(attached.rows_reader, attached.relation)
                ) USING names, attached.title, attached.head_title;
                PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
            END IF;
            IF checks AND attached.links_reader IS NOT NULL THEN
                RETURN QUERY EXECUTE format(
                    $query$
                    WITH link AS MATERIALIZED (
                        SELECT l.name, l.value, l.hash, lag(l.hash) OVER chain AS previous, first_value(l.value) OVER chain AS first
                        FROM gapless.link AS l
                        JOIN gapless.sequence_lock AS s ON s.name = l.name
                        WHERE s.target = $4 AND s.target_column = $5 AND ($1 IS NULL OR l.name = ANY ($1))
                        WINDOW chain AS (PARTITION BY l.name ORDER BY l.value)
                    ), suspect AS MATERIALIZED (
                        SELECT r.*, l.hash AS linked, l.previous AS linked_before
                        FROM %s($1) AS r (series text, value bigint, number text, dated timestamp, hash bytea, previous bytea, chain bytea)
                        LEFT JOIN link AS l ON l.name = r.series COLLATE "C" AND l.value = r.value
                        WHERE l.hash IS NULL OR r.hash IS DISTINCT FROM l.hash OR r.previous IS DISTINCT FROM l.previous OR r.chain IS DISTINCT FROM r.hash
                    ), start AS (
                        SELECT l.name, l.first FROM link AS l WHERE l.value = l.first
                    ), issued AS ( -- by this column, which gave each a link
                        SELECT s.name, range_agg(numrange(j.first_value, j.last_value::numeric + 1)) AS numbers
                        FROM (SELECT r.series, min(r.value) AS first, max(r.value) AS last FROM suspect AS r WHERE r.linked IS NULL GROUP BY r.series) AS u
                        JOIN gapless.sequence_lock AS s ON s.name = u.series COLLATE "C" AND s.target = $4 AND s.target_column = $5
                        JOIN gapless.journal AS j ON j.name = s.name AND j.last_value >= u.first AND j.first_value <= u.last
                        WHERE j.kind = 'issued' AND abs(j.attachment) >> 16 = $6
                        GROUP BY s.name
                    )
                    SELECT r.series, $2, $3, 'broken', r.value, r.value, NULL::bigint, NULL::bigint, r.number, r.number, NULL::timestamp, NULL::timestamp, NULL::jsonb, CASE
                        WHEN r.linked IS NULL THEN 'the chain has no link of it'
                        WHEN r.hash IS DISTINCT FROM r.linked THEN 'the row has another hash than when it was issued'
                        WHEN r.previous IS DISTINCT FROM r.linked_before THEN 'the row has another hash of the row before than that one''s'
                        ELSE 'the row was changed since it was hashed'
                    END
                    FROM suspect AS r
                    LEFT JOIN start AS s ON s.name = r.series COLLATE "C"
                    LEFT JOIN issued AS o ON o.name = r.series COLLATE "C"
                    WHERE r.linked IS NOT NULL OR o.numbers @> r.value::numeric OR r.hash IS NOT NULL AND s.first < r.value
                    $query$,
                    gapless.audit_reader(attached.links_reader, attached.relation)
                ) USING names, attached.title, attached.head_title, attached.relation, attached.column_name, attached.attachment;
                PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
            END IF;
            PERFORM gapless.column_check_names(u.relation, attached.column_name, attached.inputs) FROM unnest(attached.relations) AS u (relation) WHERE pg_relation_size(u.relation) IS NOT NULL; -- its lock is held since it was read
            PERFORM gapless.check_not_rewritten(attached.relations || ARRAY(SELECT p.relid::oid FROM unnest(attached.relations) AS u (relation), pg_partition_tree(u.relation) AS p));
            done := true;
            RAISE EXCEPTION 'what was returned stays, and the rest is undone';
        EXCEPTION WHEN OTHERS THEN
            -- One table that was renamed, say, does not keep the others from being audited.
            IF NOT done AND pg_get_triggerdef(attached.trigger_oid) IS NULL THEN -- past the snapshot
                finding := 'detached';
                detail := 'detached or dropped meanwhile: audit it in a new transaction';
            ELSIF NOT done THEN
                GET STACKED DIAGNOSTICS violated = CONSTRAINT_NAME;
                finding := 'failed';
                detail := 'the column cannot be read: ' || SQLERRM
                    || CASE
                        WHEN violated = 'gapless_managed' THEN '. When Citus has given it back, detach the column and attach it again'
                        WHEN SQLSTATE IN ('42703', '55000') THEN '. Detach it by its old name, and attach it by the names of now' -- a column was renamed
                        WHEN SQLSTATE IN ('40001', '40P01', '55P03') THEN '. Audit it in a new transaction'
                        WHEN SQLSTATE IN ('42P01', 'P0001') THEN '. ' || remedy -- the table was
                        ELSE ''
                    END;
            END IF;
            IF NOT done THEN
                attached_column := attached.title;
                head_of_series := attached.head_title;
                RETURN NEXT;
            END IF;
        END;
    END LOOP;
    IF seed IS NULL AND unsound IS NULL THEN
        RETURN QUERY
        SELECT NULL::text, c.attached_column, c.head_of_series, 'failed', NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::text, NULL::text, NULL::timestamp, NULL::timestamp, NULL::jsonb, c.detail
        FROM gapless.audit_failed_columns(names, heads) AS c;
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.audit_numbers IS
'Private, for audit_gapless. The numbers that the attached columns have, of some series or of all: runs without a hole, doubles, texts that cannot be read back, rows with another date than the journal or that do not fit into their chain, columns that cannot be read; or, with a seed, how many each series has and their fingerprint; or rows that are asked for, with their primary keys.';

REVOKE ALL ON FUNCTION gapless.audit_numbers FROM PUBLIC;
