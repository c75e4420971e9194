-- The caller has locked the table.
-- It is long because it is the list of what a column may not be, each with its message.
CREATE OR REPLACE FUNCTION gapless.column_check_column(
    target        regclass,
    target_column name,
    initial       bigint,
    with_format   boolean,
    later         boolean, -- rows may be without a number for a while
    at_commit     boolean,
    unnumbered    text
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    relation  record;
    attribute record;
    fault     text;
    hint      text;
    other     text;
BEGIN
    SELECT
        c.relkind, c.relname, c.relnamespace,
        c.relforcerowsecurity AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS o WHERE o.oid = c.relowner AND (o.rolsuper OR o.rolbypassrls)) AS forced
    INTO STRICT relation
    FROM pg_catalog.pg_class AS c
    WHERE c.oid = target;
    SELECT a.attnum, a.atttypid::regtype AS type, a.attnotnull, a.atthasdef, a.attidentity, a.attgenerated
    INTO attribute
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = target AND a.attname = target_column AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table % has no column "%"', target, target_column
            USING ERRCODE = 'undefined_column', HINT = 'Name the column that is to number itself.',
                SCHEMA = (SELECT n.nspname FROM pg_catalog.pg_namespace AS n WHERE n.oid = relation.relnamespace), TABLE = relation.relname, COLUMN = target_column,
                CONSTRAINT = 'attach_column';
    END IF;
    CASE
        WHEN attribute.attgenerated <> '' OR attribute.attidentity <> '' OR attribute.atthasdef AND (
            unnumbered IS NULL OR NOT starts_with((SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef AS d WHERE d.adrelid = target AND d.adnum = attribute.attnum), '''' || replace(unnumbered, '''', '''''') || '''::')
        ) THEN
            fault := 'it has a default, is generated or an identity';
            hint := format('ALTER TABLE %s ALTER COLUMN %I DROP %s;', target, target_column, CASE
                WHEN attribute.attgenerated <> '' THEN 'EXPRESSION' WHEN attribute.attidentity <> '' THEN 'IDENTITY' ELSE 'DEFAULT'
            END);
        WHEN relation.forced THEN
            fault := 'row level security is forced on the owner of the table, who has to see each of its numbers';
            hint := format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY; or let an owner with BYPASSRLS have it.', target);
        WHEN octet_length(target_column) > 42 THEN
            fault := 'its name has more than 42 bytes';
            hint := 'The names of its triggers are made of it. Rename it: ALTER TABLE ... RENAME COLUMN.';
        WHEN with_format AND initial < 0 THEN
            fault := 'a number with a format cannot be negative';
            hint := 'Give another initial.';
        WHEN NOT with_format AND attribute.type <> 'bigint'::regtype THEN
            fault := format('it is of type %s', attribute.type);
            hint := 'It has to be bigint; or text with a format.';
        WHEN with_format AND attribute.type NOT IN ('text'::regtype, 'varchar'::regtype) THEN
            fault := format('it is of type %s, and has a format', attribute.type);
            hint := 'A column with a format has to be text or varchar.';
        WHEN octet_length(unnumbered) > 255 THEN
            fault := 'unnumbered has more than 255 bytes';
            hint := 'It is a short text, such as / or an empty one.';
        WHEN unnumbered IS NOT NULL AND NOT with_format THEN
            fault := 'unnumbered is for a column with a format';
            hint := 'A row of a bigint column that has no number has NULL.';
        WHEN attribute.attnotnull AND later AND unnumbered IS NULL THEN
            fault := 'it is NOT NULL, and rows would be without a number for a while';
            hint := format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL; or do without condition and at_commit.', target, target_column);
        WHEN EXISTS (
            SELECT
            FROM pg_catalog.pg_partition_tree(target) AS p
            JOIN pg_catalog.pg_partitioned_table AS k ON k.partrelid = p.relid
            WHERE target_column::text IN (
                    SELECT a.attname FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = p.relid AND a.attnum = ANY (k.partattrs::smallint[])
                )
                OR pg_get_partkeydef(p.relid) ~ format('\m%s\M', target_column) AND 0 = ANY (k.partattrs::smallint[])
        ) THEN
            fault := 'the table is partitioned by it';
            hint := 'A row''s partition is chosen before its number.';
        WHEN NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_index AS i
            WHERE i.indrelid = target AND i.indisunique AND i.indisvalid
                AND attribute.attnum = ANY ((i.indkey::smallint[])[0: i.indnkeyatts - 1])
                AND (i.indpred IS NULL OR pg_get_expr(i.indpred, target) = ANY (gapless.column_predicates(target_column, unnumbered)))
        ) THEN
            fault := 'no unique index contains it';
            hint := format('CREATE UNIQUE INDEX ON %s (..., %I), with what tells the series apart before it.', target, target_column);
        ELSE
            NULL;
    END CASE;
    IF fault IS NULL AND at_commit AND NOT EXISTS (SELECT FROM pg_catalog.pg_index AS i WHERE i.indrelid = target AND i.indisprimary) THEN
        fault := 'at_commit needs the table to have a primary key';
        hint := 'The row is found again by it when the transaction commits.';
    END IF;
    SELECT k.conname::text
    INTO other
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_constraint AS k ON k.conindid = i.indexrelid AND k.conrelid = target AND k.contype = 'p'
    WHERE i.indrelid = target AND i.indisprimary AND NOT i.indimmediate;
    IF fault IS NULL AND at_commit AND other IS NOT NULL THEN
        fault := 'the primary key is deferrable, and at_commit finds a row by it before it is checked';
        hint := (
            SELECT format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %2$I %s;', target, k.conname, regexp_replace(pg_get_constraintdef(k.oid), ' DEFERRABLE( INITIALLY DEFERRED)?$', ''))
            FROM pg_catalog.pg_constraint AS k
            WHERE k.conrelid = target AND k.contype = 'p'
        );
    END IF;
    SELECT format('column "%s" of the primary key is of type %s, by which at_commit does not find a row', a.attname, format_type(a.atttypid, a.atttypmod))
    INTO other
    FROM pg_catalog.pg_index AS i
    CROSS JOIN LATERAL unnest((i.indkey::smallint[])[0: i.indnkeyatts - 1], (i.indclass::oid[])[0: i.indnkeyatts - 1]) AS k (attnum, class)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = target AND a.attnum = k.attnum
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    JOIN pg_catalog.pg_opclass AS c ON c.oid = k.class
    WHERE i.indrelid = target AND i.indisprimary
        AND (t.typcategory = 'C' OR c.opcintype = 'anyarray'::regtype OR EXISTS (SELECT FROM pg_catalog.pg_type AS e WHERE e.typarray = c.opcintype))
    LIMIT 1;
    IF fault IS NULL AND at_commit AND other IS NOT NULL THEN
        fault := other;
        hint := 'Let the table have another primary key, of types that are neither arrays nor composite; or number at the INSERT.';
    END IF;
    SELECT t.tgname::text
    INTO other
    FROM pg_catalog.pg_trigger AS t
    WHERE (t.tgrelid = target OR t.tgrelid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(target) AS p))
        AND NOT t.tgisinternal AND t.tgtype::integer & 3 = 3
        AND t.tgtype::integer & CASE relation.relkind WHEN 'p' THEN 28 ELSE 20 END <> 0 -- INSERT and UPDATE; and DELETE, for a row that moves
        AND t.tgname::text COLLATE "C" > '~gapless_insert' COLLATE "C" AND t.tgname NOT LIKE '~gapless\_%'
    LIMIT 1;
    IF fault IS NULL AND other IS NOT NULL THEN
        fault := format('trigger "%s" would fire after those that number it', other);
        hint := format('Triggers fire in the order of their names. Rename it: ALTER TRIGGER %I ON %s RENAME TO ...', other, target);
    END IF;
    SELECT string_agg(i.inhrelid::regclass::text, ', ' ORDER BY i.inhrelid::regclass::text)
    INTO other
    FROM pg_catalog.pg_inherits AS i
    WHERE i.inhparent = target AND relation.relkind = 'r' AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = i.inhrelid AND t.tgname = ('~gapless_insert_' || target_column)::name
    );
    IF fault IS NULL AND other IS NOT NULL THEN
        fault := format('rows of %s, which inherits from it, would not be numbered', other);
        hint := format('ALTER TABLE ... NO INHERIT %s; or partition the table; or attach the column of what inherits first, with sequences of its own.', target);
    END IF;
    IF fault IS NULL THEN
        SELECT format('its partition %s has %s', p.relid::regclass, w.clause), coalesce(format('ALTER TABLE %s ALTER COLUMN %I ' || w.cure, p.relid::regclass, target_column), 'Make the partition anew without it.')
        INTO fault, hint
        FROM pg_catalog.pg_partition_tree(target) AS p
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = p.relid AND a.attname = target_column
        CROSS JOIN LATERAL (
            SELECT 'an expression that generates it', NULL WHERE a.attgenerated <> ''
            UNION ALL
            SELECT 'a default for it', 'DROP DEFAULT;'
            FROM pg_catalog.pg_attrdef AS d
            WHERE d.adrelid = p.relid AND d.adnum = a.attnum AND a.attgenerated = ''
                AND (unnumbered IS NULL OR NOT starts_with(pg_get_expr(d.adbin, d.adrelid), '''' || replace(unnumbered, '''', '''''') || '''::'))
            UNION ALL
            SELECT 'NOT NULL for it', 'DROP NOT NULL;' WHERE a.attnotnull AND later AND unnumbered IS NULL
        ) AS w (clause, cure)
        WHERE p.relid <> target
        LIMIT 1;
    END IF;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'column "%" of table % cannot number itself: %', target_column, target, fault
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = hint,
                SCHEMA = (SELECT n.nspname FROM pg_catalog.pg_namespace AS n WHERE n.oid = relation.relnamespace), TABLE = relation.relname, COLUMN = target_column, CONSTRAINT = 'attach_column';
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_check_column IS
'Private, for attach_gapless. Raises 42703, 55000 for a column that cannot number itself, and says what to do.';

REVOKE ALL ON FUNCTION gapless.column_check_column FROM PUBLIC;
