CREATE OR REPLACE FUNCTION gapless.shard_check_table(
    target        regclass,
    target_column name,
    asked         jsonb, -- the arguments of attach_gapless, by their names
    make_index    boolean,
    kind          text,  -- of the table
    path          text
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    fault    text;
    hint     text;
    relation record;
    later    CONSTANT boolean := (asked ->> 'at_commit')::boolean OR asked ->> 'condition' IS NOT NULL;
    checked  record;
    key      name; -- by which the table is distributed
BEGIN
    SELECT c.relkind, m.amname INTO relation FROM pg_catalog.pg_class AS c LEFT JOIN pg_catalog.pg_am AS m ON m.oid = c.relam WHERE c.oid = target;
    IF kind = 'worker' THEN
        fault := 'this is a worker';
        hint := 'Attach it on the coordinator.';
    ELSIF kind = 'reference' THEN
        fault := 'it is a reference table, of which each node would number a copy';
        hint := 'Number a table that is distributed, or one that Citus does not know.';
    ELSIF kind = 'local' THEN
        fault := 'it is a local table that Citus manages';
        hint := format('Take it out of Citus: SELECT undistribute_table(%L);', target);
    ELSIF kind = 'old' THEN
        fault := 'it is not distributed by hash';
        hint := 'Distribute it by create_distributed_table, by hash.';
    ELSIF EXISTS (SELECT FROM gapless.shard_places(target) AS p GROUP BY p.shard HAVING count(*) > 1) THEN
        fault := 'its shards have several placements, each of which would count for itself';
        hint := 'SET citus.shard_replication_factor = 1 before it is distributed.';
    ELSIF relation.relkind = 'p' THEN
        fault := 'it is partitioned as well as distributed';
        hint := 'Distribute a table that is not partitioned.';
    ELSIF relation.amname = 'columnar' THEN
        fault := 'it is columnar, and its rows cannot be locked';
        hint := format('SELECT alter_table_set_access_method(%L, ''heap'');', target);
    ELSIF asked ->> 'series_of' IS NOT NULL THEN
        fault := 'columns of distributed tables cannot share series';
        hint := 'Leave series_of out, and give each a name of its own.';
    ELSIF make_index THEN
        fault := 'its index cannot be made on the shards alone';
        hint := 'Make the unique index yourself, on the distributed table, over the rows that have a number, and leave make_index out.';
    END IF;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION '% cannot number a column of its own: %', target, fault
            USING ERRCODE = 'wrong_object_type', HINT = hint, SCHEMA = 'gapless', COLUMN = 'target';
    END IF;
    PERFORM gapless.column_check_column(target, target_column, (asked ->> 'initial')::bigint, asked ->> 'format' IS NOT NULL, later, (asked ->> 'at_commit')::boolean, asked ->> 'unnumbered');
    checked := gapless.column_check_expressions(
        target, target_column, path, asked ->> 'name', asked ->> 'format', asked ->> 'condition', asked ->> 'chronology', asked ->> 'chain', asked ->> 'hash_column', asked ->> 'previous_column'
    );
    EXECUTE 'SELECT column_to_column_name(p.logicalrelid, p.partkey)::name FROM pg_dist_partition AS p WHERE p.logicalrelid = $1 AND p.partkey IS NOT NULL' INTO key USING target;
    IF key IS NOT NULL AND (SELECT a.attnum FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = target AND a.attname = key) <> ALL (checked.name_columns) THEN
        RAISE EXCEPTION 'the series of column "%" of table % do not depend on "%", by which it is distributed, so that shards on several nodes would count each for itself', target_column, target, key
            USING ERRCODE = 'invalid_parameter_value',
                HINT = format('Give a name for each %1$s, such as name => $$ %2$L || NEW.%1$I $$.', key, target || '/'),
                SCHEMA = 'gapless', COLUMN = 'name', CONSTRAINT = 'shard_series';
    END IF;
    PERFORM gapless.column_check_index(target, target_column, asked ->> 'unnumbered', checked.name_columns, later);
    PERFORM gapless.column_make_index(target, target_column, asked ->> 'unnumbered', false) WHERE later; -- or say how
END;
$function$;

COMMENT ON FUNCTION gapless.shard_check_table IS
'Private, for attach_gapless, on the coordinator. Raises 42809, 22023 and 55000 for a distributed table or a definition that shards cannot keep to; warns as column_make_index does.';

REVOKE ALL ON FUNCTION gapless.shard_check_table FROM PUBLIC;
