-- One pass over each column, by the function that attach_gapless made for it, which runs with the rights of the
-- table's owner. Locks no row. finding is:
--     NULL          a run from first_value to last_value
--     double        first_value is there more than once
--     unreadable    the text of a number gives no value
--     misdated      the row of first_value has another date than the journal
--     broken        the row of first_value does not fit into its chain
--     failed        the column could not be read, so nothing else is said of it
--     detached      nor could it, since it was detached after the snapshot
CREATE OR REPLACE FUNCTION gapless.audit_numbers(
    name        text,
    head        regclass DEFAULT NULL, -- only that column, and those that share its series; NULL: all
    head_column name     DEFAULT NULL
) RETURNS TABLE (
    series          text,
    attached_column text,
    finding         text,
    first_value     bigint,
    last_value      bigint,
    detail          text,
    head_of_series  text -- the column whose series they are: attached_column, or that whose series it shares
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER -- trap: one snapshot for all columns
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $function$
DECLARE
    attached record;
    made     text; -- what its definition begins with
    refusal  text;
    remedy   CONSTANT text := 'Detach the column and attach it again.';
    done     boolean;
    audited  text[] := '{}'::text[]; -- the columns that were, as their table's oid and their name
BEGIN
    -- Only what attach_gapless may have made: for an owner who may attach, and never to run with the rights of whoever
    -- audits.
    FOR attached IN
        SELECT
            format('%I.%I.%I', s.nspname, c.relname, m.name) AS column_name,
            format('%I.%I', n.nspname, p.proname) AS function,
            p.oid AS function_oid,
            n.nspname,
            p.proname,
            c.oid AS target,
            m.name AS target_column,
            coalesce(o.head, c.oid) AS head,
            coalesce(o.head_column, m.name) AS head_column,
            coalesce((
                SELECT format('%I.%I.%I', hs.nspname, hc.relname, o.head_column)
                FROM pg_catalog.pg_class AS hc
                JOIN pg_catalog.pg_namespace AS hs ON hs.oid = hc.relnamespace
                WHERE hc.oid = o.head
            ), format('%I.%I.%I', s.nspname, c.relname, m.name)) AS head_name,
            (SELECT coalesce(s.proargnames, '{}') FROM pg_catalog.pg_proc AS s WHERE s.pronamespace = f.pronamespace AND s.proname = f.proname || '_series' LIMIT 1)::name[] AS inputs,
            ARRAY( -- and partitions that were detached
                SELECT k.tgrelid
                FROM pg_catalog.pg_trigger AS k
                JOIN pg_catalog.pg_class AS r ON r.oid = k.tgrelid AND NOT r.relispartition
                JOIN pg_catalog.pg_proc AS q ON q.oid = k.tgfoid AND q.pronamespace = f.pronamespace AND q.proname = f.proname || '_keep'
                WHERE k.tgname = ('~gapless_kept_delete_' || m.name)::pg_catalog.name
            ) || c.oid AS relations,
            l.oid AS links_oid,
            l.proowner = c.relowner AS links_owned,
            ( -- the number of the attachment, but for its last bits
                SELECT substring(u.prosrc FROM 'gapless[.](?:column_note|commit_done)_([0-9]+)')::bigint >> 16
                FROM pg_catalog.pg_proc AS u
                WHERE u.pronamespace = f.pronamespace AND u.proname = f.proname || '_update'
            ) AS attachment,
            CASE WHEN l.oid IS NOT NULL THEN format('%I.%I', n.nspname, l.proname) END AS links,
            t.oid AS trigger_oid
        FROM pg_catalog.pg_trigger AS t
        JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
        JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
        CROSS JOIN LATERAL (SELECT substr(t.tgname, length('~gapless_insert_') + 1)::pg_catalog.name) AS m (name)
        JOIN pg_catalog.pg_proc AS f ON f.oid = t.tgfoid
        JOIN pg_catalog.pg_proc AS p
            ON p.pronamespace = f.pronamespace
            AND p.proname = f.proname || '_rows'
            AND p.pronargs = 0
            AND p.prosecdef
            AND p.proowner = c.relowner
        JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
        LEFT JOIN pg_catalog.pg_proc AS l
            ON l.pronamespace = f.pronamespace
            AND l.proname = f.proname || '_links'
            AND l.pronargs = 0
        LEFT JOIN gapless.member AS o ON o.relation = t.tgrelid AND o.function = t.tgfoid
        WHERE t.tgname LIKE e'~gapless\\_insert\\_%'
            AND t.tgparentid = 0
            AND has_function_privilege(c.relowner, 'gapless.column_enter'::regproc, 'EXECUTE')
            AND (audit_numbers.name IS NULL OR EXISTS (
                SELECT FROM gapless.sequence AS s
                WHERE s.name = audit_numbers.name COLLATE "C" AND s.target = coalesce(o.head, c.oid) AND s.target_column = coalesce(o.head_column, m.name)
            ) OR NOT EXISTS (
                SELECT FROM gapless.sequence AS s WHERE s.name = audit_numbers.name COLLATE "C"
            ))
            AND (audit_numbers.head IS NULL OR (coalesce(o.head, c.oid), coalesce(o.head_column, m.name)) = (audit_numbers.head::oid, audit_numbers.head_column))
    LOOP
        audited := audited || (attached.target || ' ' || attached.target_column);
        -- trap: others commit between two columns
        done := false;
        refusal := format('function %s() is not the one that gapless.attach_gapless made', attached.function);
        BEGIN
            -- The owner can have put anything in its place. So it runs where nothing can be written (no trigger is
            -- left for the end of the auditor's transaction, no other function changed), and what it did to the
            -- session is undone below. Before each call its definition is read past the snapshot, since another
            -- session can have altered it meanwhile.
            PERFORM set_config('transaction_read_only', 'on', true), set_config('quote_all_identifiers', 'off', true);
            made := format(
                e'CREATE OR REPLACE FUNCTION %I.%I()\n RETURNS SETOF record\n LANGUAGE plpgsql\n STABLE SECURITY DEFINER',
                attached.nspname, attached.proname
            );
            IF NOT starts_with(pg_get_functiondef(attached.function_oid), made) THEN
                RAISE EXCEPTION '%', refusal USING ERRCODE = 'insufficient_privilege', HINT = remedy, SCHEMA = 'gapless';
            END IF;
            PERFORM gapless.column_check_names(u.relation, attached.target_column, attached.inputs) FROM unnest(attached.relations) AS u (relation) WHERE pg_relation_size(u.relation) IS NOT NULL; -- dropped meanwhile
            RETURN QUERY EXECUTE format(
                $query$
                WITH edge AS MATERIALIZED (
                    SELECT *
                    FROM (
                        SELECT
                            r.series,
                            r.value,
                            CASE WHEN r.value IS NULL THEN r.number END AS number,
                            lag(r.value) OVER numbers AS before,
                            lead(r.value) OVER numbers AS after
                        FROM %1$s() AS r (series text, value bigint, number text, dated timestamp)
                        WHERE $1 IS NULL OR r.series = $1 COLLATE "C"
                        WINDOW numbers AS (PARTITION BY r.series COLLATE "C" ORDER BY r.value)
                    ) AS neighbour
                    WHERE before IS NULL OR after IS NULL OR value <= before OR value - 1 > before OR after - 1 > value
                ), start AS (
                    SELECT e.series, e.value, row_number() OVER (ORDER BY e.series COLLATE "C", e.value) AS i
                    FROM edge AS e
                    WHERE e.value IS NOT NULL AND (e.before IS NULL OR e.value - 1 > e.before)
                ), stop AS (
                    SELECT e.series, e.value, row_number() OVER (ORDER BY e.series COLLATE "C", e.value) AS i
                    FROM edge AS e
                    WHERE e.value IS NOT NULL AND (e.after IS NULL OR e.after - 1 > e.value)
                )
                SELECT b.series, $2, NULL::text, b.value, e.value, NULL::text, $3
                FROM start AS b
                JOIN stop AS e USING (i)
                UNION ALL
                SELECT e.series, $2, 'double', e.value, e.value, pg_catalog.format('%%s rows have it', count(*) + 1), $3
                FROM edge AS e
                WHERE e.value = e.before
                GROUP BY e.series, e.value
                UNION ALL
                SELECT e.series, $2, 'unreadable', NULL, NULL, pg_catalog.format('%%s cannot be read back', e.number), $3
                FROM edge AS e
                WHERE e.value IS NULL
                $query$,
                attached.function
            ) USING audit_numbers.name, attached.column_name, attached.head_name;
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true); -- what was called may have put its own first

            IF EXISTS (
                SELECT FROM gapless.sequence AS s
                JOIN gapless.journal AS a ON a.name = s.name
                WHERE s.target = attached.head AND s.target_column = attached.head_column AND a.dated IS NOT NULL
            ) THEN
                IF NOT starts_with(pg_get_functiondef(attached.function_oid), made) THEN
                    RAISE EXCEPTION '%', refusal USING ERRCODE = 'insufficient_privilege', HINT = remedy, SCHEMA = 'gapless';
                END IF;
                RETURN QUERY EXECUTE format(
                    $query$
                    SELECT r.series, $2, 'misdated', r.value, r.value, pg_catalog.format('dated %%s, and %%s when it was issued', coalesce(r.dated::text, 'nothing'), a.dated), $3
                    FROM %1$s() AS r (series text, value bigint, number text, dated timestamp)
                    JOIN gapless.journal AS a ON a.name = r.series COLLATE "C" AND a.last_value = r.value AND a.kind <> 'pruned'
                    WHERE ($1 IS NULL OR r.series = $1 COLLATE "C") AND a.dated IS DISTINCT FROM r.dated AND a.dated IS NOT NULL
                    $query$,
                    attached.function
                ) USING audit_numbers.name, attached.column_name, attached.head_name;
                PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
            END IF;
            IF attached.links_oid IS NOT NULL THEN
                IF NOT attached.links_owned OR NOT starts_with(pg_get_functiondef(attached.links_oid), replace(made, attached.function || '()', attached.links || '()')) THEN
                    RAISE EXCEPTION '%', replace(refusal, attached.function, attached.links) USING ERRCODE = 'insufficient_privilege', HINT = remedy, SCHEMA = 'gapless';
                END IF;
                RETURN QUERY EXECUTE format(
                    $query$
                    WITH link AS MATERIALIZED (
                        SELECT l.name, l.value, l.hash, lag(l.hash) OVER chain AS previous, first_value(l.value) OVER chain AS first
                        FROM gapless.link AS l
                        JOIN gapless.sequence AS s ON s.name = l.name
                        WHERE s.target = $3 AND s.target_column = $4 AND ($1 IS NULL OR l.name = $1 COLLATE "C")
                        WINDOW chain AS (PARTITION BY l.name ORDER BY l.value)
                    ), start AS (
                        SELECT l.name, l.first FROM link AS l WHERE l.value = l.first
                    ), lost AS MATERIALIZED ( -- what this column issued before the first link
                        SELECT s.name, j.numbers
                        FROM gapless.sequence AS s
                        LEFT JOIN start AS f ON f.name = s.name
                        CROSS JOIN LATERAL (
                            SELECT range_agg(numrange(j.first_value, j.last_value::numeric + 1)) AS numbers
                            FROM gapless.journal AS j
                            WHERE j.name = s.name AND j.kind = 'issued' AND abs(j.attachment) >> 16 = $6 AND (j.first_value >= f.first) IS NOT TRUE
                        ) AS j
                        WHERE s.target = $3 AND s.target_column = $4 AND ($1 IS NULL OR s.name = $1 COLLATE "C") AND j.numbers IS NOT NULL
                    )
                    SELECT r.series, $2, 'broken', r.value, r.value, CASE
                        WHEN l.hash IS NULL THEN 'the chain has no link of it'
                        WHEN r.hash IS DISTINCT FROM l.hash THEN 'the row has another hash than when it was issued'
                        WHEN r.previous IS DISTINCT FROM l.previous THEN 'the row has another hash of the row before than that one''s'
                        ELSE 'the row was changed since it was hashed'
                    END, $5
                    FROM %1$s() AS r (series text, value bigint, number text, dated timestamp, hash bytea, previous bytea, chain bytea)
                    LEFT JOIN link AS l ON l.name = r.series COLLATE "C" AND l.value = r.value
                    WHERE ($1 IS NULL OR r.series = $1 COLLATE "C")
                        AND CASE
                            WHEN l.hash IS NOT NULL THEN r.hash IS DISTINCT FROM l.hash OR r.previous IS DISTINCT FROM l.previous OR r.chain IS DISTINCT FROM r.hash
                            ELSE r.hash IS NOT NULL AND (
                                EXISTS (SELECT FROM start AS s WHERE s.name = r.series COLLATE "C" AND s.first < r.value)
                                OR EXISTS (SELECT FROM lost AS o WHERE o.name = r.series COLLATE "C" AND o.numbers @> r.value::numeric)
                            )
                        END
                    $query$,
                    attached.links
                ) USING audit_numbers.name, attached.column_name, attached.target, attached.target_column, attached.head_name, attached.attachment;
                PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
            END IF;
            PERFORM gapless.column_check_names(u.relation, attached.target_column, attached.inputs) FROM unnest(attached.relations) AS u (relation) WHERE pg_relation_size(u.relation) IS NOT NULL; -- its lock is held since it was read
            PERFORM gapless.check_not_rewritten(attached.relations || ARRAY(SELECT p.relid::oid FROM unnest(attached.relations) AS u (relation), pg_partition_tree(u.relation) AS p));
            done := true;
            RAISE EXCEPTION 'what was returned stays, and the rest is undone';
        EXCEPTION WHEN OTHERS THEN
            -- One table that was renamed, say, does not keep the others from being audited.
            IF NOT done AND pg_get_triggerdef(attached.trigger_oid) IS NULL THEN -- past the snapshot
                RETURN QUERY SELECT NULL::text, attached.column_name, 'detached', NULL::bigint, NULL::bigint, 'detached or dropped meanwhile: audit it in a new transaction', attached.head_name;
            ELSIF NOT done THEN
                RETURN QUERY SELECT NULL::text, attached.column_name, 'failed', NULL::bigint, NULL::bigint, 'the column cannot be read: ' || SQLERRM
                    || CASE
                        WHEN SQLSTATE IN ('42703', '55000') THEN '. Detach it by its old name, and attach it by the names of now' -- a column was renamed
                        WHEN SQLSTATE = '40001' THEN '. Audit it in a new transaction'
                        WHEN SQLSTATE IN ('42P01', 'P0001') THEN '. ' || remedy -- the table was
                        ELSE ''
                    END, attached.head_name;
            END IF;
        END;
    END LOOP;

    -- Columns that nobody has detached, and whose triggers or functions are not those that attach_gapless made, or not
    -- any more.
    RETURN QUERY
    SELECT NULL::text, format('%I.%I.%I', r.nspname, c.relname, s.target_column), 'failed', NULL::bigint, NULL::bigint, 'the column cannot be audited: ' || CASE
        WHEN t.oid IS NULL AND a.attname IS NULL THEN 'it was renamed or dropped. Detach it by the name that it had, and attach it by the one that it has.'
        WHEN f.oid IS NULL THEN 'its triggers were dropped, or it was never attached in this database. Attach it again; and detach it then, if it is not to number itself.'
        WHEN f.proowner <> c.relowner THEN format(
            'its table belongs to %1$I, and its functions to %2$I. %3$s',
            pg_get_userbyid(c.relowner), pg_get_userbyid(f.proowner),
            (SELECT string_agg(format('ALTER FUNCTION %s OWNER TO %I;', o.oid::regprocedure, pg_get_userbyid(c.relowner)), ' ' ORDER BY o.oid) FROM gapless.column_functions(f.oid::regproc) AS o (oid))
        )
        WHEN NOT has_function_privilege(c.relowner, 'gapless.column_enter'::regproc, 'EXECUTE') THEN format(
            'role %I, which owns its table, has no right to number it any more. Grant it what attach_gapless asks for.', pg_get_userbyid(c.relowner)
        )
        ELSE 'its functions are not those that gapless.attach_gapless made. ' || remedy
    END, s.head_name
    FROM (
        WITH owner AS (
            SELECT DISTINCT s.target, s.target_column, format('%I.%I.%I', n.nspname, c.relname, s.target_column) AS head_name
            FROM gapless.sequence AS s
            JOIN pg_catalog.pg_class AS c ON c.oid = s.target
            JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE (audit_numbers.name IS NULL OR s.name = audit_numbers.name COLLATE "C")
                AND (audit_numbers.head IS NULL OR s.target = audit_numbers.head AND s.target_column = audit_numbers.head_column)
        )
        SELECT o.target, o.target_column, o.head_name FROM owner AS o
        UNION ALL
        SELECT m.relation::regclass, m.column_name, o.head_name
        FROM owner AS o
        JOIN gapless.member AS m ON m.head = o.target AND m.head_column = o.target_column
    ) AS s
    JOIN pg_catalog.pg_class AS c ON c.oid = s.target
    JOIN pg_catalog.pg_namespace AS r ON r.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = s.target_column AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = c.oid AND t.tgname = ('~gapless_insert_' || s.target_column)::pg_catalog.name
    LEFT JOIN pg_catalog.pg_proc AS f ON f.oid = t.tgfoid
    LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
    WHERE c.oid || ' ' || s.target_column <> ALL (audited)
        AND pg_table_is_visible(c.oid) IS NOT NULL; -- past an older snapshot
END;
$function$;

COMMENT ON FUNCTION gapless.audit_numbers IS
'Private, for audit_gapless. The numbers that the attached columns have, of one sequence or of all: runs without a hole, doubles, texts that cannot be read back, rows with another date than the journal or that do not fit into their chain, columns that cannot be read.';

REVOKE ALL ON FUNCTION gapless.audit_numbers FROM PUBLIC;
