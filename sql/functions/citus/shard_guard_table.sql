-- It locks the shards until the caller's transaction ends, so it comes after what is done on the nodes.
CREATE OR REPLACE FUNCTION gapless.shard_guard_table(
    target        regclass,
    target_column name,
    asked         jsonb, -- the arguments of attach_gapless, by their names
    path          text
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    unsafe CONSTANT text := current_setting('citus.enable_unsafe_triggers');
    nulls  boolean;
BEGIN
    PERFORM set_config('citus.enable_unsafe_triggers', 'on', true);
    EXECUTE format(
        'CREATE TRIGGER %I BEFORE INSERT OR UPDATE OR DELETE ON %s FOR EACH STATEMENT EXECUTE FUNCTION gapless.shard_guard(%L, %L)',
        '~gapless_shard_' || target_column, target, target_column,
        jsonb_build_object('table_id', target::oid::bigint, 'arguments', asked, 'search_path', path, 'attnum', (SELECT a.attnum FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = target AND a.attname = target_column))
    );
    PERFORM set_config('citus.enable_unsafe_triggers', unsafe, true);
    IF asked ->> 'condition' IS NOT NULL OR (asked ->> 'at_commit')::boolean OR asked ->> 'unnumbered' IS NOT NULL THEN
        RAISE NOTICE 'column "%" of table % is not made NOT NULL: its rows wait for their number', target_column, target
            USING HINT = 'A shard that is not attached refuses rows all the same.';
        RETURN;
    END IF;
    EXECUTE format('SELECT count(*) > 0 FROM %s AS t WHERE t.%I IS NULL', target, target_column) INTO nulls;
    IF nulls THEN
        RAISE NOTICE 'column "%" of table % is not made NOT NULL: there are rows without a number', target_column, target
            USING HINT = 'The next UPDATE of such a row numbers it.';
    ELSE
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', target, target_column);
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_guard_table IS
'Private, for attach_gapless, on the coordinator. Puts the guard on a distributed table, which Citus takes along to wherever a shard goes, and makes the column NOT NULL where each row is numbered as it arrives. Locks the table and its shards against writers until the transaction ends.';

REVOKE ALL ON FUNCTION gapless.shard_guard_table FROM PUBLIC;
