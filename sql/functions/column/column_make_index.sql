-- A number that an UPDATE gives is a change of the key, where a unique index has every row: it waits for those who have
-- locked the row by a foreign key. An index that leaves rows out is no key. Runs with the caller's rights, who has locked
-- the table, against readers, too, if make.
CREATE OR REPLACE FUNCTION gapless.column_make_index(
    target        regclass,
    target_column name,
    unnumbered    text,
    make          boolean -- or only tell
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    members    CONSTANT regclass[] := array_append(ARRAY(SELECT p.relid FROM pg_catalog.pg_partition_tree(target) AS p), target);
    referenced CONSTANT boolean := EXISTS (SELECT FROM pg_catalog.pg_constraint AS c WHERE c.contype = 'f' AND c.confrelid = ANY (members));
    attached   CONSTANT boolean := EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = target AND t.tgname IN (('~gapless_insert_' || target_column)::name, ('~gapless_shard_' || target_column)::name));
    by_attach  CONSTANT text := CASE WHEN gapless.column_shard_kind(target) IS NULL THEN 'attach with make_index => true, or ' ELSE '' END;
    key        record;
BEGIN
    FOR key IN
        SELECT i.indexrelid::regclass AS name,
            CASE
                WHEN i.indisprimary THEN 'it is the primary key'
                WHEN i.indisreplident THEN 'it is the replica identity'
                ELSE 'it is what a foreign key references: ' || (
                    SELECT string_agg(format('%I of table %s', c.conname, c.conrelid::regclass), ', ' ORDER BY c.oid)
                    FROM pg_catalog.pg_constraint AS c
                    WHERE c.contype = 'f' AND c.conindid = i.indexrelid AND c.conparentid = 0
                )
            END AS needed,
            CASE WHEN k.oid IS NULL THEN format('DROP INDEX %s; ', i.indexrelid::regclass) ELSE format('ALTER TABLE %s DROP CONSTRAINT %I; ', i.indrelid::regclass, k.conname) END
                || regexp_replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ')
                || coalesce(' TABLESPACE ' || quote_ident(s.spcname), '')
                || CASE WHEN unnumbered IS NULL THEN format(' WHERE %I IS NOT NULL;', target_column) ELSE format(' WHERE %I <> %L;', target_column, unnumbered) END AS statements
        FROM pg_catalog.pg_index AS i
        JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid AND NOT x.relispartition
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attname = target_column AND a.attnum = ANY ((i.indkey::smallint[])[0: i.indnkeyatts - 1])
        LEFT JOIN pg_catalog.pg_constraint AS k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u')
        LEFT JOIN pg_catalog.pg_tablespace AS s ON s.oid = x.reltablespace
        WHERE i.indrelid = ANY (members) AND i.indisunique AND NOT i.indisexclusion AND i.indpred IS NULL AND i.indexprs IS NULL
        ORDER BY i.indexrelid
    LOOP
        IF make AND key.needed IS NULL THEN
            EXECUTE key.statements;
        ELSIF make THEN
            RAISE EXCEPTION 'unique index % of column "%" of table % cannot leave out rows without a number: %', key.name, target_column, target, key.needed
                USING ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = 'gapless', CONSTRAINT = 'attach_index',
                    HINT = 'Attach it without make_index: then whoever numbers a row waits for those who insert rows that reference it. Or let the foreign key, or the replica identity, have the primary key instead.';
        ELSIF referenced THEN
            RAISE WARNING 'whoever numbers a row of table % waits for those who insert rows that reference it, and may deadlock with them: unique index % has rows without a number, too', target, key.name
                USING HINT = coalesce('It cannot leave them out: ' || key.needed || '.', 'Let it leave them out, by ' || by_attach || 'BEGIN; ' || key.statements || ' COMMIT;');
        ELSIF NOT attached THEN
            RAISE NOTICE 'whoever numbers a row of table % would wait for those who insert rows that reference it, if there were such: unique index % has rows without a number, too', target, key.name
                USING HINT = coalesce('It cannot leave them out: ' || key.needed || '.', 'Let it leave them out, by ' || by_attach || 'BEGIN; ' || key.statements || ' COMMIT;');
        END IF;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.column_make_index IS
'Private, for attach_gapless, of columns that UPDATE numbers. Lets the unique indexes that have the number leave out rows without one, or says how to, so that numbering a row does not wait for those who insert rows that reference it. Raises 55000 for an index that has to have all rows.';

REVOKE ALL ON FUNCTION gapless.column_make_index FROM PUBLIC;
