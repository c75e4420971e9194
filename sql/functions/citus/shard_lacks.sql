CREATE OR REPLACE FUNCTION gapless.shard_lacks(
    kind text, -- the table
    page jsonb
) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    compared text;
    lacks    boolean;
BEGIN
    -- What is not of the node, and what the shard does not change as it goes on; the primary key by =, which an index and a hash know.
    SELECT string_agg(format(CASE WHEN a.attnum = ANY (x.indkey::smallint[]) THEN 't.%1$I = r.%1$I' ELSE 't.%1$I IS NOT DISTINCT FROM r.%1$I' END, a.attname), ' AND ')
    INTO STRICT compared
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_index AS x ON x.indrelid = a.attrelid AND x.indisprimary
    WHERE a.attrelid = to_regclass(format('gapless.%I', kind)) AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attname <> ALL (CASE kind
            WHEN 'sequence_lock' THEN '{adoptions,target,target_column,initial,bounded}'::name[]
            WHEN 'number_range' THEN '{reason,valid_until,time_zone,expires,warns,warn_left,unused}'::name[]
            WHEN 'former' THEN '{target,target_column,title,expression,missing,unread,detached_at,detached_by}'::name[]
            ELSE '{attachment,dated,target,target_column,inputs}'::name[]
        END);
    EXECUTE format(
        'SELECT EXISTS (
            SELECT FROM jsonb_array_elements($1) AS e (entry)
            CROSS JOIN LATERAL jsonb_populate_record(NULL::gapless.%1$I, e.entry - ''target'') AS r
            WHERE NOT EXISTS (SELECT FROM gapless.%1$I AS t WHERE %2$s)
        )', kind, compared || CASE WHEN kind = 'sequence_lock' THEN ' AND t.bounded >= r.bounded AND t.adoptions >= r.adoptions' ELSE '' END)
    INTO lacks
    USING CASE WHEN kind = 'former' THEN '[]'::jsonb ELSE page END;
    RETURN lacks;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_lacks IS
'Private, for the coordinator, on a node. Whether rows of another node''s table of gapless are missing here, or otherwise.';

REVOKE ALL ON FUNCTION gapless.shard_lacks FROM PUBLIC;
