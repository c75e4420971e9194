-- The text of a number is looked up among those that the journal has; what it does not have, the text may tell. The
-- fingerprint of a series is that of the set of its numbers: the exclusive or of their hashes. Where few combinations of
-- what the expressions read have all rows, these are evaluated once for each. It is long because its query is many, of
-- which a copy has one.
CREATE OR REPLACE FUNCTION gapless.model_rows(
    names text[]  DEFAULT NULL, -- of the series; NULL: all
    keyed boolean DEFAULT false, -- whether with their primary keys
    seed  bigint  DEFAULT NULL   -- of the fingerprints
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
    target   regclass;
    relation regclass;
    name     text;
    source   text;
    inverse  record;
BEGIN
    -- The table that has the trigger, whatever its name is now; at its making there is no trigger yet.
    SELECT coalesce((
        SELECT t.tgrelid::regclass
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgfoid = 'gapless.model_insert'::regprocedure AND t.tgname = ('~gapless_insert_' || 'number')::name AND t.tgparentid = 0::oid
    ), 'gapless.model'::regclass)
    INTO target;
    inverse := gapless.column_inverse(to_regprocedure('gapless.model_series'), names);
    -- Partitions that were detached keep their numbers, and tables that inherit have no triggers, unless they are
    -- attached themselves. Of a partition that is being detached concurrently, the tree says what the query of the
    -- whole table sees of it, with the same snapshot.
    FOR relation IN
        SELECT target
        UNION ALL
        SELECT t.tgrelid::regclass
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgname = ('~gapless_kept_delete_' || 'number')::name
            AND t.tgfoid = 'gapless.model_keep'::regprocedure
            AND NOT EXISTS (SELECT FROM pg_partition_tree(target) AS p WHERE p.relid = t.tgrelid)
        UNION ALL
        SELECT c.oid::regclass
        FROM (
            WITH RECURSIVE heir (oid) AS (
                SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = target
                UNION
                SELECT i.inhrelid FROM heir AS h JOIN pg_catalog.pg_inherits AS i ON i.inhparent = h.oid
            )
            SELECT h.oid FROM heir AS h
        ) AS h
        JOIN pg_catalog.pg_class AS c ON c.oid = h.oid AND NOT c.relispartition
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = c.oid AND t.tgname = ('~gapless_insert_' || 'number')::name)
    LOOP
        name := '';
        WHILE relation::text <> name AND (relation = target OR pg_table_is_visible(relation) IS NOT NULL) LOOP -- past the snapshot
            name := relation::text;
            source := 'FROM ' || CASE WHEN (SELECT c.relkind FROM pg_catalog.pg_class AS c WHERE c.oid = relation) = 'p' THEN '' ELSE 'ONLY ' END || name || ' AS r';
            -- A lookup for each series, or one for each combination of what the expressions read, and not one for each row.
            IF names IS NOT NULL AND inverse.kind IS NOT NULL THEN
                source := source || $query$ JOIN (SELECT) AS one ON r.number IS NOT NULL AND r.$query$ || format('%I = ANY ($4::%I[])', inverse.column_name, inverse.kind);
            ELSIF names IS NOT NULL AND gapless.column_sought(relation, 'number', '{}'::name[] /*inputs*/) THEN
                source := replace(
                    $query$
                    FROM (
                        WITH RECURSIVE given AS (
                            (SELECT r.input FROM relation AS r WHERE r.number IS NOT NULL ORDER BY r.input LIMIT 1)
                            UNION ALL
                            SELECT n.*
                            FROM given AS other
                            CROSS JOIN LATERAL (
                                SELECT r.input FROM relation AS r WHERE ROW(r.input) > ROW(other.input) AND r.number IS NOT NULL ORDER BY r.input LIMIT 1
                            ) AS n
                        )
                        SELECT r.*
                        FROM (SELECT other.* FROM given AS other WHERE coalesce(gapless.model_series(other.input), '') COLLATE "C" = ANY ($2) OFFSET 0) AS other
                        CROSS JOIN LATERAL (SELECT r.*, r.ctid, r.tableoid FROM relation AS r WHERE ROW(r.input) = ROW(other.input) OFFSET 0) AS r
                    ) AS r
                    $query$, 'FROM relation AS r', source
                );
            END IF;
            BEGIN
                RETURN QUERY EXECUTE replace(replace(replace(
                    CASE WHEN names IS NULL AND gapless.column_repeated(relation, '{}'::name[] /*inputs*/) THEN -- if prints
                    $query$ -- if prints
                    SELECT gapless.model_series(other.input), sum(other."~documents")::bigint, bit_xor(other."~print"), NULL::timestamp, NULL::timestamp -- unless chronology if prints
                    SELECT gapless.model_series(other.input), sum(other."~documents")::bigint, bit_xor(other."~print"), min(gapless.model_dated(other.input)), max(gapless.model_dated(other.input)) -- if chronology if prints
                    FROM ( -- if prints
                        SELECT r.input, count(*) AS "~documents", bit_xor(hashint8extended(r.number, $3)) AS "~print" -- unless format if prints
                        SELECT r.input, count(*) AS "~documents", bit_xor(hashtextextended(r.number::text COLLATE "C", $3)) AS "~print" -- if format if prints
                        FROM relation AS r -- if prints
                        WHERE gapless.model_written(r.number) IS NOT NULL -- if prints
                        GROUP BY r.input -- if prints
                    ) AS other -- if prints
                    GROUP BY 1 -- if prints
                    $query$ ELSE -- if prints
                    $query$
                    SELECT gapless.model_series(r.input), count(*), bit_xor(hashint8extended(r.number, $3)), NULL::timestamp, NULL::timestamp -- unless format unless chronology if prints
                    SELECT gapless.model_series(r.input), count(*), bit_xor(hashint8extended(r.number, $3)), min(gapless.model_dated(r.input)), max(gapless.model_dated(r.input)) -- unless format if chronology if prints
                    SELECT gapless.model_series(r.input), count(*), bit_xor(hashtextextended(r.number::text COLLATE "C", $3)), NULL::timestamp, NULL::timestamp -- if format unless chronology if prints
                    SELECT gapless.model_series(r.input), count(*), bit_xor(hashtextextended(r.number::text COLLATE "C", $3)), min(gapless.model_dated(r.input)), max(gapless.model_dated(r.input)) -- if format if chronology if prints
                    FROM relation AS r -- if prints
                    WHERE gapless.model_written(r.number) IS NOT NULL AND ($2 IS NULL OR coalesce(gapless.model_series(r.input), '') COLLATE "C" = ANY ($2)) -- if prints
                    GROUP BY 1 -- if prints
                    SELECT gapless.model_series(r.input), r.number, r.number::text, gapless.model_dated(r.input) /*key*/ -- unless format unless prints
                        , r.hash, r.previous, gapless.model_chain(r.number::pg_catalog.text /*number*/, r.input) -- unless format if links
                    FROM relation AS r -- unless format unless prints
                    WHERE r.number IS NOT NULL AND ($2 IS NULL OR coalesce(gapless.model_series(r.input), '') COLLATE "C" = ANY ($2)) -- unless format unless prints
                    SELECT k.series, k.value, k.number, k.dated /*key*/ -- if format unless prints
                        , k.hash, k.previous, k.chain -- if format if links
                    FROM ( -- if format unless prints
                        SELECT -- if format unless prints
                            s.series, -- if format unless prints
                            CASE WHEN i.value IS NULL THEN (SELECT v.value FROM gapless.model_read(r.number::pg_catalog.text, r.input) AS v (value)) ELSE i.value END AS value, -- if format unless prints
                            r.number::text AS number, -- if format unless prints
                            gapless.model_dated(r.input) AS dated, -- if format unless prints
                            NULL::jsonb /*held*/ AS key, -- if format unless prints
                            r.hash AS hash, r.previous AS previous, gapless.model_chain(r.number::pg_catalog.text /*number*/, r.input) AS chain, -- if format if links
                            i.name IS NOT NULL AS known -- if format unless prints
                        FROM relation AS r -- if format unless prints
                        CROSS JOIN LATERAL (SELECT gapless.model_series(r.input) COLLATE "C" AS series OFFSET 0) AS s -- if format unless prints
                        LEFT JOIN gapless.column_issued($1, 'number', $2) AS i ON i.name = s.series AND i.number = r.number COLLATE "C" -- if format unless prints
                        WHERE gapless.model_written(r.number) IS NOT NULL AND ($2 IS NULL OR coalesce(s.series, '') = ANY ($2)) -- if format unless prints
                    ) AS k -- if format unless prints
                    WHERE NOT k.known OR k.value IS NOT NULL -- if format unless prints
                    $query$
                    END -- if prints
                    , 'FROM relation AS r', source), 'NULL::jsonb /*held*/', CASE WHEN keyed THEN $query$NULL::jsonb /*row*/$query$ ELSE 'NULL::jsonb' END), '/*key*/', CASE
                        WHEN keyed THEN $query$, NULL::jsonb /*row*/$query$ -- unless format
                        WHEN keyed THEN ', k.key' -- if format
                        ELSE ''
                    END)
                USING target, names, seed, inverse.sought;
                EXIT;
            EXCEPTION WHEN undefined_table THEN
                IF relation::text = name THEN -- neither renamed nor dropped meanwhile
                    RAISE;
                END IF;
            END;
        END LOOP;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.model_rows IS
'Private, a model for attach_gapless. The numbers that the table has, for the audit, with their primary keys if these are asked for; of a column with chain, their hashes; and of each series how many it has, and their fingerprint.';

REVOKE ALL ON FUNCTION gapless.model_rows FROM PUBLIC;
