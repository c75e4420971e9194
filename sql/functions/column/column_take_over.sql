-- Casts and functions of the owner's may run for it, where nothing can be written, and what they did to the session is
-- undone: so they cannot reach the rights of a caller who is another.
-- It is long because what is read, and undone, comes before what is written.
CREATE OR REPLACE FUNCTION gapless.column_take_over(
    target        regclass,
    target_column name,
    schema        name,
    stem          text,
    path          text, -- for the name of a constant series
    options       text[],
    initial       bigint,
    name_columns  smallint[],
    inputs        smallint[],
    head          regclass, -- the column whose series it shares; NULL: its own
    head_column   name,
    OUT numbers     bigint, -- how many there are
    OUT check_from  bigint, -- from which value on a text may be there already; or NULL
    OUT repeat_from bigint  -- from which value on the format may repeat itself; or NULL
) RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET jit = off -- compiling takes longer than it saves
AS $function$
DECLARE
    series   text[];
    lasts    bigint[];
    dates    timestamp[];
    before   text[]; -- the series of texts that tell no number
    texts    text[]; -- and they
    fault    text;
    wrong    text[]; -- what, for which value, that before it, and more
    constant text;
    voids    record; -- of the column's former series
    done     boolean := false;
BEGIN
    IF pg_relation_size(target) + coalesce((SELECT sum(pg_relation_size(p.relid)) FROM pg_catalog.pg_partition_tree(target) AS p), 0) > 16e6 THEN
        RAISE NOTICE 'column "%" of table %: its rows are read; others cannot write to it until the transaction ends', target_column, target;
    END IF;
    BEGIN
        PERFORM set_config('transaction_read_only', 'on', true);
        IF 'format' = ANY (options) THEN
            EXECUTE format('SELECT ARRAY[t.fault, t.value::text, t.before::text, t.detail] FROM %I.%I() AS t (fault text, value bigint, before bigint, detail text) ORDER BY t.value LIMIT 1', schema, stem || '_trial') INTO wrong;
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true); -- here and below: what was called may have put its own first
            PERFORM gapless.column_warn_format(target, target_column, initial, wrong[1], wrong[2]::bigint, wrong[3]::bigint, wrong[4]) WHERE wrong[2]::bigint - initial < 100;
        END IF;
        EXECUTE format('SELECT f.* FROM %I.%I() AS f', schema, stem || '_survey') INTO numbers, series, lasts, dates, before, texts, fault;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        -- Where texts do not tell what was the newest number, initial does.
        SELECT array_agg(CASE WHEN u.last < initial::numeric - 1 AND b.name IS NOT NULL THEN initial - CASE WHEN initial > -9223372036854775808 THEN 1 ELSE 0 END ELSE u.last END ORDER BY u.i)
        INTO lasts
        FROM unnest(series, lasts) WITH ORDINALITY AS u (name, last, i)
        LEFT JOIN (SELECT DISTINCT n.name FROM unnest(before) AS n (name)) AS b ON b.name = u.name;
        IF name_columns = '{}' THEN
            PERFORM set_config('search_path', path, true);
            EXECUTE (
                SELECT format('SELECT %I.%I(%s)', schema, p.proname, array_to_string(array_fill('NULL'::text, ARRAY[p.pronargs::integer]), ', '))
                FROM pg_catalog.pg_proc AS p
                WHERE p.oid = format('%I.%I', schema, stem || '_series')::regproc
            ) INTO constant;
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        END IF;
        voids := gapless.column_place_voids(target, target_column, schema, stem, path, name_columns, inputs, (SELECT min(u.last) FROM unnest(lasts) AS u (last)));
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        done := true;
        RAISE EXCEPTION 'what was read stays, and the rest is undone';
    EXCEPTION WHEN OTHERS THEN
        IF NOT done THEN
            RAISE;
        END IF;
    END;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'column "%" of table % has numbers that cannot be taken over', target_column, target
            USING ERRCODE = 'check_violation', DETAIL = fault,
                HINT = 'Mend these rows (20 at most are named), set the number to NULL, or let the expression name tell their series apart; then attach the column.',
                SCHEMA = schema, TABLE = (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = target), COLUMN = target_column, CONSTRAINT = 'attach_rows';
    END IF;
    IF wrong IS NOT NULL THEN
        PERFORM gapless.column_warn_format(target, target_column, initial, wrong[1], wrong[2]::bigint, wrong[3]::bigint, wrong[4]);
    END IF;
    -- A void number is not issued again by another name.
    SELECT array_agg(coalesce(u.name, v.name)), array_agg(greatest(u.last, v.last)), array_agg(u.dated)
    INTO series, lasts, dates
    FROM unnest(series, lasts, dates) AS u (name, last, dated)
    FULL JOIN (
        SELECT w.name, max(w.value) AS last FROM unnest(voids.names, voids.numbers) AS w (name, value) WHERE w.value >= initial GROUP BY w.name
    ) AS v ON v.name COLLATE "C" = u.name COLLATE "C";
    IF cardinality(series) > 0 THEN
        PERFORM gapless.column_adopt(target, target_column, series, lasts, dates, before, texts, head, head_column);
        PERFORM gapless.column_adopt_voids(target, target_column, voids.names, voids.formers, voids.numbers);
    END IF;
    IF numbers > 0 THEN
        RAISE NOTICE 'column "%" of table %: what it has is taken over; numbers: %, series: %, texts that tell no number: %',
            target_column, target, numbers - coalesce(cardinality(texts), 0), cardinality(series), coalesce(cardinality(texts), 0);
    END IF;
    IF constant IS NOT NULL AND (constant = ANY (series)) IS NOT TRUE THEN
        PERFORM gapless.column_reserve(target, target_column, constant, initial, head, head_column);
    END IF;
    EXECUTE format('DROP FUNCTION %I.%I', schema, stem || '_survey');
    IF 'format' = ANY (options) THEN
        EXECUTE format('DROP FUNCTION %I.%I', schema, stem || '_trial');
    END IF;
    -- The trial has not seen what is between its values.
    repeat_from := CASE WHEN wrong[1] IN ('repeated', 'overflown') THEN greatest(initial, (
        SELECT max(d.value) + 1
        FROM (SELECT (10::numeric ^ e + k)::bigint AS value FROM generate_series(0, 18) AS e CROSS JOIN generate_series(-1, 1) AS k) AS d
        WHERE d.value < wrong[CASE wrong[1] WHEN 'repeated' THEN 3 ELSE 2 END]::bigint
    )) END;
    check_from := CASE WHEN 'format' = ANY (options) AND (texts IS NOT NULL OR gapless.column_has_void_texts(target, target_column, head, head_column)) THEN initial ELSE repeat_from END;
END;
$function$;

COMMENT ON FUNCTION gapless.column_take_over IS
'Private, for attach_gapless. Makes the sequences of the rows that there are the column''s, moved forward to their newest numbers, and that of a constant name, too. Raises 23514 for rows without a series and for numbers that a series has twice. Returns from which value on a text of the format may be there already.';

REVOKE ALL ON FUNCTION gapless.column_take_over FROM PUBLIC;
