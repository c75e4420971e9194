CREATE OR REPLACE FUNCTION gapless.attach_shards(
    target regclass DEFAULT NULL,
    series jsonb    DEFAULT NULL -- of which shard sequences without rows are, or of which shard and column; null: of none
) RETURNS TABLE (table_name text, column_name name, shard bigint, nodename text, nodeport integer, outcome text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    attached record;
    said     jsonb; -- of series, its shard and its column
    code     text;
    fault    text;
    refused  text; -- the first
    detail   text;
    hint     text;
    violated text;
    others   text[] := '{}'::text[]; -- that are not attached, either
BEGIN
    PERFORM gapless.shard_check_session();
    said := CASE WHEN series IS NOT NULL THEN gapless.shard_tell(target, series) END;
    FOR attached IN
        SELECT g.*, format('%I.%I', n.nspname, c.relname) AS table_name
        FROM (SELECT g.*, d.distributed FROM unnest('{t,f}'::boolean[]) AS d (distributed) CROSS JOIN LATERAL gapless.shard_guards(d.distributed) AS g) AS g
        JOIN pg_catalog.pg_class AS c ON c.oid = g.relation
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE attach_shards.target IS NULL OR g.relation = attach_shards.target
    LOOP
        BEGIN
            IF attached.column_name IS DISTINCT FROM attached.guarded AND (NOT attached.distributed OR EXISTS (SELECT FROM gapless.shard_list(attached.relation, attached.guarded) AS l WHERE NOT l.attached)) THEN
                RAISE EXCEPTION 'the column was renamed or dropped, so its shards cannot be attached by its definition of then'
                    USING ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = 'gapless', CONSTRAINT = 'shard_renamed',
                        HINT = CASE
                            WHEN NOT attached.distributed THEN format('Rename it back to %I, and repeat it.', attached.guarded)
                            WHEN attached.column_name IS NULL THEN format('SELECT gapless.detach_gapless(%L, %L);', attached.relation, attached.guarded)
                            ELSE format('ALTER TABLE %s RENAME %I TO %I; and repeat it. Then rename it, detach it by its old name, and attach it by its new one.', attached.relation, attached.column_name, attached.guarded)
                        END;
            END IF;
            IF NOT attached.distributed THEN
                RETURN QUERY
                SELECT attached.table_name, attached.guarded, NULL::bigint, g.nodename, g.nodeport, g.outcome
                FROM gapless.shard_gather(attached.relation, attached.guarded, attached.arguments, attached.path, attached.table_id) AS g;
                CONTINUE;
            END IF;
            RETURN QUERY
            SELECT attached.table_name, attached.guarded, b.shard, b.nodename, b.nodeport, b.outcome
            FROM gapless.shard_bring(attached.relation, attached.guarded, attached.arguments, attached.path, attached.table_id, (
                SELECT jsonb_object_agg(e.name, CASE WHEN coalesce(e.value ->> 'column', attached.guarded) = attached.guarded THEN e.value -> 'shard' END)
                FROM jsonb_each(said) AS e (name, value)
            )) AS b;
            RETURN QUERY
            SELECT attached.table_name, attached.guarded, l.shard, l.nodename, l.nodeport, l.outcome
            FROM gapless.shard_leave(attached.relation, attached.guarded, attached.table_id) AS l;
        EXCEPTION WHEN OTHERS THEN
            IF refused IS NOT NULL THEN
                others := others || format('%s.%I', attached.table_name, attached.guarded);
                CONTINUE;
            END IF;
            GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, fault = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, violated = CONSTRAINT_NAME;
            refused := format('shards of column "%s" of table %s are not attached: %s', attached.guarded, attached.relation, fault);
            hint := coalesce(nullif(hint, ''), format(
                'Mend that, and repeat it. If a column, the table or a schema was renamed: SELECT gapless.detach_gapless(%L, %L); then attach it again, by the names of now.', attached.relation, attached.guarded
            ));
        END;
    END LOOP;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION '%', refused
            USING ERRCODE = code,
                DETAIL = concat_ws(' ', nullif(detail, ''), CASE WHEN others = '{}' THEN 'No other column is concerned.' ELSE format('Nor are all shards of %s.', array_to_string(others, ', ')) END),
                HINT = hint, SCHEMA = 'gapless', CONSTRAINT = coalesce(nullif(violated, ''), 'shard_unattached');
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.attach_shards IS
'On the coordinator of Citus: attaches the shards of distributed tables that were moved or split, and tables that are not distributed any more, which refuse every write until then, and brings them the series that they had, with all that is known of them, from the node where they were. series is for those that have no rows: an object with the number of the shard for each name, with {"shard": number, "column": name} where the table has several attached columns, and with null for one that is of no shard. A sequence that no column has yet is its shard''s from then on, until it is said otherwise before its first number; unless it is said, no shard that was on its node is attached elsewhere. Repeated, it does nothing more. Returns a row a shard that it attached, or of which series are left. For the owner of schema gapless, who also owns the tables. Each shard is attached in a transaction of its own on its node, and locks the shard against writers meanwhile; moves and splits of the table wait, and so does a second call. Writers go on, but not behind a move that waits. One table that cannot be attached leaves the others attached. Raises 22023 for series, 42501, 55000 on a worker, without Citus, or in a transaction that has used distributed tables, and 38000 for a node that cannot be reached or where it fails.';

REVOKE ALL ON FUNCTION gapless.attach_shards FROM PUBLIC;
