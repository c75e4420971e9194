-- The view reads the expressions from the comments of functions: where a function is gone, so is its expression, and there
-- is a fault.
CREATE OR REPLACE FUNCTION gapless.column_compare(
    target        regclass,
    target_column name,
    schemas       name[], -- where series_of is looked for without its schema
    asked         jsonb,  -- the arguments of attach_gapless, by their names
    OUT faults  text[], -- NULL where the column is not attached
    OUT differs text    -- each argument with which it is attached otherwise, and both values; NULL where there is none
) RETURNS record
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off -- it costs more than it saves
AS $function$
DECLARE
    attached record;
    head     record; -- the column whose series it is to share
BEGIN
    IF NOT EXISTS (SELECT FROM gapless.attachment AS a WHERE a.relation = column_compare.target AND a.column_name = column_compare.target_column) THEN
        RETURN; -- before all columns are looked through
    END IF;
    SELECT n.nspname, c.relname, c.relowner, to_jsonb(v) AS options, v.faults
    INTO attached
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    JOIN gapless.columns AS v ON v.table_name = format('%I.%I', n.nspname, c.relname) AND v.column_name = column_compare.target_column
    WHERE c.oid = column_compare.target;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    faults := attached.faults;
    IF EXISTS (SELECT FROM gapless.column_callees(target, target_column) AS c WHERE c.digest <> c.noted) THEN
        faults := array_append(faults, 'what its expressions call has changed since it was attached');
    END IF;
    IF asked ->> 'series_of' IS NULL THEN
        asked := jsonb_build_object('name', quote_literal(format('%I.%I.%I', attached.nspname, attached.relname, target_column))) || jsonb_strip_nulls(asked);
    ELSE
        SELECT format('%I.%I.%I', n.nspname, c.relname, s.column_name) AS label, CASE WHEN c.relowner = attached.relowner THEN v.name END AS name
        INTO head
        FROM gapless.column_series_of(asked ->> 'series_of', schemas) AS s
        JOIN pg_catalog.pg_class AS c ON c.oid = s.relation
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        LEFT JOIN gapless.columns AS v ON v.table_name = format('%I.%I', n.nspname, c.relname) AND v.column_name = s.column_name;
        asked := jsonb_build_object('name', head.name) || jsonb_strip_nulls(asked) || jsonb_strip_nulls(jsonb_build_object('series_of', head.label));
    END IF;
    SELECT string_agg(format('%s is %s, and %s was asked for', o.key,
        CASE WHEN o.key IN ('initial', 'at_commit', 'moves') THEN attached.options ->> o.key ELSE quote_nullable(attached.options ->> o.key) END,
        CASE WHEN o.key IN ('initial', 'at_commit', 'moves') THEN asked ->> o.key ELSE quote_nullable(asked ->> o.key) END), '; ' ORDER BY o.i)
    INTO differs
    FROM unnest('{name,initial,format,condition,chronology,at_commit,unnumbered,chain,hash_column,previous_column,moves,series_of}'::text[]) WITH ORDINALITY AS o (key, i)
    WHERE CASE
        WHEN o.key IN ('name', 'format', 'condition', 'chronology', 'chain') -- expressions, around which white space means nothing
        THEN btrim(attached.options ->> o.key, e' \t\n\r\f\v') IS DISTINCT FROM btrim(asked ->> o.key, e' \t\n\r\f\v')
        ELSE attached.options ->> o.key IS DISTINCT FROM asked ->> o.key
    END;
END;
$function$;

COMMENT ON FUNCTION gapless.column_compare IS
'Private, for attach_gapless. What is wrong with the guards of an attached column, and in what it is attached otherwise than is asked for. Locks nothing.';

REVOKE ALL ON FUNCTION gapless.column_compare FROM PUBLIC;
