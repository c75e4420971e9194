CREATE OR REPLACE FUNCTION gapless.shard_copy(
    from_name  text,
    from_port  integer,
    to_name    text,
    to_port    integer,
    names      jsonb,
    shard_name text -- there
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    counted CONSTANT text := format('SELECT gapless.shard_digest(%L)', names);
    part    record;
    fresh   boolean; -- whether there is nothing else there
BEGIN
    IF gapless.shard_has(to_name, to_port, from_name, from_port, names) THEN
        RETURN; -- it may have gone on since a copy that was cut off
    END IF;
    fresh := gapless.shard_has(from_name, from_port, to_name, to_port, names);
    FOR part IN SELECT p.* FROM gapless.shard_pages(from_name, from_port, names) AS p WHERE fresh LOOP
        PERFORM gapless.on_node(to_name, to_port, format('SELECT gapless.shard_take(%L, %L, %L)', part.kind, part.page, shard_name));
    END LOOP;
    IF NOT fresh OR gapless.on_node(from_name, from_port, counted)::jsonb IS DISTINCT FROM gapless.on_node(to_name, to_port, counted)::jsonb THEN
        RAISE EXCEPTION 'sequences of shard % are known on node %:% already, and otherwise than on %:%', shard_name, to_name, to_port, from_name, from_port
            USING ERRCODE = 'object_not_in_prerequisite_state',
                DETAIL = format('They are among %s.', left(names::text, 1000)),
                HINT = 'Somebody took numbers, or decided something, of them there. SELECT * FROM gapless.node_sequences(); shows both. gapless.delete_gapless forgets a sequence on the node that is wrong.',
                SCHEMA = 'gapless', CONSTRAINT = 'shard_series';
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_copy IS
'Private, for attach_shards, on the coordinator. Copies all that is known of some sequences from one node to another. Changes nothing where the other has all of it. Raises 55000 where each knows something that the other does not, and changes nothing then; and where somebody took numbers there meanwhile.';

REVOKE ALL ON FUNCTION gapless.shard_copy FROM PUBLIC;
