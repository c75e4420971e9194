-- Casts and functions of the owner's may run for it, where nothing can be written, and what they did to the session is
-- undone: so they cannot reach the rights of a caller who is another.
CREATE OR REPLACE FUNCTION gapless.column_take_over(
    target        regclass,
    target_column name,
    schema        name,
    stem          text,
    path          text, -- for the name of a constant series
    options       text[],
    initial       bigint,
    constant_name boolean
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    rows   CONSTANT text := format('%I.%I() AS r (series text, value bigint, number text, dated timestamp)', schema, stem || '_rows');
    fault  text;
    constant   text;
    series text[];
    lasts  bigint[];
    dates  timestamp[];
    before text[];
    texts  text[];
    wrong  text[]; -- what, for which value, that before it, and more
    done   boolean := false;
BEGIN
    BEGIN
        PERFORM set_config('transaction_read_only', 'on', true);
        EXECUTE format('SELECT array_agg(r.series), array_agg(r.last) FROM (SELECT r.series COLLATE "C" AS series, max(r.value) AS last FROM %s GROUP BY 1) AS r', rows) INTO series, lasts;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true); -- here and below: what was called may have put its own first
        IF array_position(series, NULL) IS NOT NULL OR NOT EXISTS (
            SELECT FROM pg_catalog.pg_index AS i
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attname = target_column AND i.indkey[0] = a.attnum
            WHERE i.indrelid = target AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1
        ) THEN
            EXECUTE format(
                $$
                SELECT string_agg(w.fault, '; ' ORDER BY w.fault) FROM (
                    SELECT CASE
                        WHEN r.series IS NULL THEN pg_catalog.format('%%s: its series is NULL', min(r.number))
                        ELSE pg_catalog.format('%%s: %%s rows of "%%s" have it', min(r.number), count(*), r.series)
                    END AS fault
                    FROM %s
                    GROUP BY r.series, r.number
                    HAVING r.series IS NULL OR count(*) > 1
                    LIMIT 20
                ) AS w$$, rows
            ) INTO fault;
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        END IF;
        IF 'chronology' = ANY (options) THEN
            EXECUTE format('SELECT array_agg(r.series), array_agg(r.value), array_agg(r.dated)
                FROM (SELECT DISTINCT ON (r.series COLLATE "C") r.series, r.value, r.dated FROM %s ORDER BY r.series COLLATE "C", r.value DESC NULLS LAST) AS r', rows) INTO series, lasts, dates;
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        END IF;
        IF 'format' = ANY (options) THEN
            EXECUTE format('SELECT array_agg(r.series), array_agg(r.number) FROM %s WHERE r.value IS NULL', rows) INTO before, texts;
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
            -- Where texts do not tell what was the newest number, initial does.
            SELECT array_agg(CASE WHEN u.last < initial - 1 AND b.name IS NOT NULL THEN initial - 1 ELSE u.last END ORDER BY u.i)
            INTO lasts
            FROM unnest(series, lasts) WITH ORDINALITY AS u (name, last, i)
            LEFT JOIN (SELECT DISTINCT n.name FROM unnest(before) AS n (name)) AS b ON b.name = u.name;
            EXECUTE format('SELECT ARRAY[t.fault, t.value::text, t.before::text, t.detail] FROM %I.%I() AS t (fault text, value bigint, before bigint, detail text) ORDER BY t.value LIMIT 1', schema, stem || '_trial') INTO wrong;
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        END IF;
        IF constant_name THEN
            PERFORM set_config('search_path', path, true);
            EXECUTE (
                SELECT format('SELECT %I.%I(%s)', schema, p.proname, array_to_string(array_fill('NULL'::text, ARRAY[p.pronargs::integer]), ', '))
                FROM pg_catalog.pg_proc AS p
                WHERE p.oid = format('%I.%I', schema, stem || '_series')::regproc
            ) INTO constant;
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        END IF;
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
                HINT = 'Mend these rows (20 at most are named), or set the number to NULL, and attach the column then.',
                SCHEMA = schema, TABLE = (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = target), COLUMN = target_column, CONSTRAINT = 'attach_rows';
    END IF;
    IF wrong IS NOT NULL THEN
        PERFORM gapless.column_warn_format(target, target_column, initial, wrong[1], wrong[2]::bigint, wrong[3]::bigint, wrong[4]);
    END IF;
    IF series IS NOT NULL THEN
        PERFORM gapless.column_adopt(target, target_column, series, lasts, dates, before, texts);
    END IF;
    IF constant IS NOT NULL AND (constant = ANY (series)) IS NOT TRUE THEN
        PERFORM gapless.column_reserve(target, target_column, constant, initial);
    END IF;
    IF 'format' = ANY (options) THEN
        EXECUTE format('DROP FUNCTION %I.%I', schema, stem || '_trial');
    END IF;
    -- The trial has not seen what is between its values.
    RETURN CASE WHEN texts IS NOT NULL THEN initial WHEN wrong[1] IN ('repeated', 'overflown') THEN greatest(initial, (
        SELECT max(d.value) + 1
        FROM (SELECT (10::numeric ^ e + k)::bigint AS value FROM generate_series(0, 18) AS e CROSS JOIN generate_series(-1, 1) AS k) AS d
        WHERE d.value < wrong[CASE wrong[1] WHEN 'repeated' THEN 3 ELSE 2 END]::bigint
    )) END;
END;
$function$;

COMMENT ON FUNCTION gapless.column_take_over IS
'Private, for attach_gapless. Makes the sequences of the rows that there are the column''s, moved forward to their newest numbers, and that of a constant name, too. Raises 23514 for rows without a series and for numbers that a series has twice. Returns the value from which on a text of the format may be there already, or NULL.';

REVOKE ALL ON FUNCTION gapless.column_take_over FROM PUBLIC;
