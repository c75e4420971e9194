-- The text of a number is looked up among those that the journal has; what it does not have, the text may tell.
-- It is long because its query is two, of which a copy has one.
CREATE OR REPLACE FUNCTION gapless.model_rows() RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
    target   regclass;
    relation regclass;
    name     text;
BEGIN
    -- The table that has the trigger, whatever its name is now; at its making there is no trigger yet.
    SELECT coalesce((
        SELECT t.tgrelid::regclass
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgfoid = 'gapless.model_insert'::regproc AND t.tgname = ('~gapless_insert_' || 'number')::name AND t.tgparentid = 0::oid
    ), 'gapless.model'::regclass)
    INTO target;
    -- Partitions that were detached keep their numbers, and tables that inherit have no triggers, unless they are
    -- attached themselves. Of a partition that is being detached concurrently, the tree says what the query of the
    -- whole table sees of it, with the same snapshot.
    FOR relation IN
        SELECT target
        UNION ALL
        SELECT t.tgrelid::regclass
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgname = ('~gapless_kept_delete_' || 'number')::name
            AND t.tgfoid = 'gapless.model_keep'::regproc
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
            BEGIN
                RETURN QUERY EXECUTE replace(
                    $query$
                    SELECT gapless.model_series(r.input), r.number, r.number::text, gapless.model_dated(r.input) -- unless format
                        , r.hash, r.previous, gapless.model_chain(r.number, r.input) -- unless format if links
                    FROM relation AS r -- unless format
                    WHERE r.number IS NOT NULL -- unless format
                    SELECT k.series, k.value, k.number, k.dated -- if format
                        , k.hash, k.previous, k.chain -- if format if links
                    FROM ( -- if format
                        SELECT -- if format
                            s.series, -- if format
                            coalesce(i.value, v.value) AS value, -- if format
                            r.number::text AS number, -- if format
                            gapless.model_dated(r.input) AS dated, -- if format
                            r.hash AS hash, r.previous AS previous, gapless.model_chain(r.number, r.input) AS chain, -- if format if links
                            i.name IS NOT NULL AS known -- if format
                        FROM relation AS r -- if format
                        CROSS JOIN LATERAL (SELECT gapless.model_series(r.input) COLLATE "C" AS series OFFSET 0) AS s -- if format
                        LEFT JOIN gapless.column_issued($1, 'number') AS i ON i.name = s.series AND i.number = r.number COLLATE "C" -- if format
                        CROSS JOIN LATERAL gapless.model_read(r.number, r.input) AS v (value) -- if format
                        WHERE gapless.model_written(r.number) IS NOT NULL -- if format
                    ) AS k -- if format
                    WHERE NOT k.known OR k.value IS NOT NULL -- if format
                    $query$, 'FROM relation AS r', 'FROM ' || CASE WHEN (SELECT c.relkind FROM pg_catalog.pg_class AS c WHERE c.oid = relation) = 'p' THEN '' ELSE 'ONLY ' END || name || ' AS r'
                ) USING target;
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
'Private, a model for attach_gapless. The numbers that the table has, for the audit; and, of a column with chain, their hashes.';

REVOKE ALL ON FUNCTION gapless.model_rows FROM PUBLIC;
