-- By the primary key, so that a page costs what it has.
CREATE OR REPLACE FUNCTION gapless.shard_page(
    kind   text,  -- the table
    names  jsonb,
    after  jsonb, -- the last row of the page before, or NULL
    size   bigint
) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    key  text;
    page jsonb;
BEGIN
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.i)
    INTO STRICT key
    FROM pg_catalog.pg_index AS x
    CROSS JOIN LATERAL unnest(x.indkey::smallint[]) WITH ORDINALITY AS k (attnum, i)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
    WHERE x.indisprimary AND x.indrelid = to_regclass(format('gapless.%I', kind));
    EXECUTE format(
        'SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY r.i), ''[]'')
        FROM (
            SELECT t.*, row_number() OVER (ORDER BY %2$s) AS i
            FROM gapless.%1$I AS t
            WHERE t.name IN (SELECT jsonb_array_elements_text($1) COLLATE "C") AND ($2 IS NULL OR (%2$s) > (SELECT %2$s FROM jsonb_populate_record(NULL::gapless.%1$I, $2)))
            ORDER BY %2$s
            LIMIT $3
        ) AS r', kind, key)
    INTO page
    USING names, after, size;
    RETURN page;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_page IS
'Private, for the coordinator, on a node. The next rows of a table of gapless that belong to some sequences, of which there may be none.';

REVOKE ALL ON FUNCTION gapless.shard_page FROM PUBLIC;
