CREATE OR REPLACE FUNCTION gapless.column_place_voids(
    target        regclass,
    target_column name,
    schema        name,
    stem          text,
    path          text,       -- for what the expression calls
    name_columns  smallint[], -- that the expression name reads
    inputs        smallint[], -- and all expressions, as the function of the name has them
    lowest        bigint,     -- of the series' newest numbers
    OUT names     text[],     -- the series that would issue them again
    OUT formers   text[],     -- and those that have
    OUT numbers   bigint[]
) RETURNS record
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    reads   CONSTANT text[] := ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = target AND a.attnum = ANY (name_columns));
    unknown text;
    query   text;
BEGIN
    IF NOT EXISTS (SELECT FROM gapless.column_voids(target, target_column)) THEN
        RETURN;
    END IF;
    unknown := (SELECT min(v.name) FROM gapless.column_voids(target, target_column) AS v WHERE NOT jsonb_exists_all(v.inputs, reads));
    query := format(
        $query$
        SELECT pg_catalog.array_agg(s.name), pg_catalog.array_agg(v.name), pg_catalog.array_agg(v.value)
        FROM gapless.column_voids($1, $2) AS v
        CROSS JOIN LATERAL pg_catalog.jsonb_populate_record(NULL::%s, coalesce(v.inputs, '{}')) AS r
        CROSS JOIN LATERAL (SELECT %I.%I(%s) COLLATE pg_catalog."C" AS name) AS s
        WHERE s.name OPERATOR(pg_catalog.<>) v.name COLLATE pg_catalog."C" AND (v.inputs IS NOT NULL OR $3)
        $query$, target, schema, stem || '_series',
        (SELECT string_agg(format('r.%I', a.attname), ', ' ORDER BY a.attnum) FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = target AND a.attnum = ANY (inputs))
    );
    BEGIN
        PERFORM set_config('search_path', path, true);
        EXECUTE query INTO names, formers, numbers USING target, target_column, name_columns OPERATOR(pg_catalog.=) '{}'::pg_catalog.int2[];
    EXCEPTION WHEN data_exception THEN -- of another type now, as the renamed label of an enum
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        unknown := coalesce(unknown, (SELECT min(v.name) FROM gapless.column_voids(target, target_column) AS v WHERE (v.value <= lowest) IS NOT TRUE));
    END;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'column "%" of table % cannot number itself by this name: it reads what is not known any more of a void number of sequence "%"', target_column, target, unknown
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = format('Let name read what it read before; or forget the sequence, with its journal and its voids: SELECT gapless.delete_gapless(%L);', unknown),
                SCHEMA = (SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = target),
                TABLE = (SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = target), COLUMN = target_column, CONSTRAINT = 'attach_void';
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_place_voids IS
'Private, for attach_gapless. Of which series void numbers of a column are by the expression name of now, where it is another one than before. Raises 55000 where it reads what is not known of them.';

REVOKE ALL ON FUNCTION gapless.column_place_voids FROM PUBLIC;
