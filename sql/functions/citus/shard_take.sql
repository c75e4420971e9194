CREATE OR REPLACE FUNCTION gapless.shard_take(
    kind     text, -- the table
    page     jsonb,
    relation regclass -- the shard here
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    taken bigint;
BEGIN
    PERFORM gapless.shard_wait_less();
    -- What names a table or an attachment of the other node.
    EXECUTE format(
        'INSERT INTO gapless.%1$I
        SELECT r.*
        FROM jsonb_array_elements($1) AS e (entry)
        CROSS JOIN LATERAL jsonb_populate_record(NULL::gapless.%1$I, e.entry || CASE
            WHEN $2 = ''sequence_lock'' THEN ''{"target": null, "target_column": null}''
            WHEN $2 = ''journal'' THEN ''{"attachment": null}''
            WHEN e.entry ->> ''target'' IS NOT NULL THEN jsonb_build_object(''target'', $3)
            ELSE ''{}''
        END) AS r
        ON CONFLICT DO NOTHING', kind)
    USING page, kind, relation;
    GET DIAGNOSTICS taken = ROW_COUNT;
    UPDATE gapless.sequence_lock AS s -- attach has made it, for a constant name
    SET adoptions = greatest(s.adoptions, (e.entry ->> 'adoptions')::bigint), bounded = s.bounded OR (e.entry ->> 'bounded')::boolean
    FROM jsonb_array_elements(page) AS e (entry)
    WHERE kind = 'sequence_lock' AND s.name = e.entry ->> 'name' COLLATE "C" AND (s.adoptions < (e.entry ->> 'adoptions')::bigint OR NOT s.bounded AND (e.entry ->> 'bounded')::boolean);
    RETURN taken;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_take IS
'Private, for the coordinator, on a node. Takes rows of another node''s table of gapless, as shard_page gave them. Returns how many were not here.';

REVOKE ALL ON FUNCTION gapless.shard_take FROM PUBLIC;
