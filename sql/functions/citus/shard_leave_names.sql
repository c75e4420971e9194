CREATE OR REPLACE FUNCTION gapless.shard_leave_names(
    from_name   text,
    from_port   integer,
    relation    bigint, -- the table there; NULL: the sequences are no column's
    column_name name,
    names       jsonb,
    to_name     text,   -- who has them now
    to_port     integer
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    expected CONSTANT jsonb := gapless.on_node(from_name, from_port, format('SELECT gapless.shard_digest(%L)', names))::jsonb;
BEGIN
    IF NOT gapless.shard_has(to_name, to_port, from_name, from_port, names) THEN
        RETURN NULL;
    END IF;
    RETURN gapless.on_node(from_name, from_port, format('SELECT gapless.shard_release(%L, %L, %L, %L)', relation, column_name, names, expected))::bigint;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_leave_names IS
'Private, on the coordinator. Deletes what a node knows of some sequences, if another one has all of it. Returns how many sequences of the shard are left there; NULL where the other lacks something, and nothing is deleted.';

REVOKE ALL ON FUNCTION gapless.shard_leave_names FROM PUBLIC;
