-- Citus takes a trigger of a distributed table to every shard, also to those that it moves or splits; the triggers that
-- number the column it does not.
CREATE OR REPLACE FUNCTION gapless.shard_guard() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = TG_RELID AND t.tgname = ('~gapless_insert_' || TG_ARGV[0])::name) THEN
        RAISE EXCEPTION 'column "%" of % is not attached here: the shard was moved or split, or its table undistributed', TG_ARGV[0], TG_RELID::regclass
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'On the coordinator: SELECT * FROM gapless.attach_shards();',
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = TG_ARGV[0], CONSTRAINT = 'gapless_unattached';
    END IF;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_guard IS
'Private, the trigger that attach_gapless makes on a distributed table of Citus: refuses every statement on a shard whose column is not attached, and on the table that undistribute_table makes. Its arguments are the column and how it is attached. Raises 55000.';

REVOKE ALL ON FUNCTION gapless.shard_guard FROM PUBLIC;
