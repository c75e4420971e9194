-- Takes gapless away: detaches every column, and drops schema gapless. One statement, for any client, in a transaction or not:
--     psql -f sql/uninstall.sql
-- Rows and their numbers stay. What gapless keeps of them does not: where each sequence stands, the journal, voids, recorded audits.
-- Be a superuser, or the owner of the schema and of all attached tables. What fails changes nothing. Without gapless it does nothing.

DO $uninstall$
DECLARE
    path     CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
    messages CONSTANT pg_catalog.text := pg_catalog.current_setting('client_min_messages');
    citus    CONSTANT pg_catalog.text := pg_catalog.current_setting('citus.enable_ddl_propagation', true);
    attached record;
    others   pg_catalog.text;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM set_config('citus.enable_ddl_propagation', 'off', true) WHERE citus <> ''; -- this node alone
    PERFORM pg_advisory_xact_lock(9628173550095224); -- of those who install
    IF to_regnamespace('gapless') IS NOT NULL AND NOT (SELECT pg_has_role(n.nspowner, 'USAGE') FROM pg_namespace AS n WHERE n.nspname = 'gapless') THEN
        RAISE EXCEPTION 'schema gapless belongs to role "%", and not to "%"',
            (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace AS n WHERE n.nspname = 'gapless'), current_user
            USING ERRCODE = 'insufficient_privilege', HINT = 'Be that role (SET ROLE), or a superuser.', SCHEMA = 'gapless';
    ELSIF to_regclass('gapless.columns') IS NOT NULL THEN
        IF EXISTS (SELECT FROM pg_event_trigger AS e WHERE e.evtname = 'gapless_guard_partitions') THEN
            PERFORM gapless.guard_new_partitions(false);
        END IF;
        LOOP -- a column from whose series others number themselves, after those
            FOR attached IN SELECT c.table_name, c.column_name FROM gapless.columns AS c LOOP
                BEGIN
                    PERFORM gapless.detach_gapless(attached.table_name::regclass, attached.column_name, unguard => true);
                EXCEPTION WHEN object_not_in_prerequisite_state THEN
                    GET STACKED DIAGNOSTICS others = CONSTRAINT_NAME;
                    IF others <> 'detach_series_of' THEN
                        RAISE;
                    END IF;
                END;
            END LOOP;
            EXIT WHEN NOT EXISTS (SELECT FROM gapless.columns);
        END LOOP;
    ELSIF EXISTS (SELECT FROM pg_trigger AS t WHERE starts_with(t.tgname, '~gapless_')) THEN
        RAISE EXCEPTION 'gapless cannot be taken away: without view gapless.columns it is not known which columns are attached'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Restore the schema, or drop the triggers whose names begin with ~gapless_.', SCHEMA = 'gapless';
    ELSIF to_regclass('gapless.journal') IS NULL THEN
        PERFORM set_config('citus.enable_ddl_propagation', citus, true) WHERE citus <> '';
        PERFORM set_config('search_path', path, true);
        RETURN;
    END IF;
    others := (
        SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid), ', ')
        FROM pg_depend AS d
        WHERE CASE -- rows of PostgreSQL 14 for what is pinned have no object
            WHEN d.deptype <> 'p' THEN (pg_identify_object(d.refclassid, d.refobjid, 0)).schema = 'gapless'
                AND (pg_identify_object(d.classid, d.objid, d.objsubid)).identity !~ '(^| )(gapless|pg_toast)[.]'
        END
    );
    others := concat_ws(', ', others, (
        SELECT string_agg(pg_describe_object(d.classid, d.objid, 0), ', ')
        FROM pg_depend AS d
        LEFT JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
        WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = 'gapless'::regnamespace AND (
            d.classid = 'pg_extension'::regclass AND NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.oid = d.objid AND e.extname = 'gapless')
            OR c.relkind IN ('r', 'p', 'f', 'm') AND c.relname <> ALL (ARRAY[
                'sequence_lock', 'journal', 'void', 'decision', 'link', 'number_range', 'audit_record', 'recorded_finding', 'known_text', 'former', 'shard',
                'waiting', 'moving', 'model', 'schema_version'
            ])
        )
    ));
    IF others <> '' THEN
        RAISE EXCEPTION 'gapless cannot be taken away: something needs it, or its schema'
            USING ERRCODE = 'dependent_objects_still_exist', DETAIL = others, HINT = 'Drop, alter or move that first.', SCHEMA = 'gapless';
    END IF;
    PERFORM set_config('client_min_messages', 'warning', true); -- all that it has
    DROP SCHEMA gapless CASCADE;
    PERFORM set_config('client_min_messages', messages, true);
    PERFORM set_config('citus.enable_ddl_propagation', citus, true) WHERE citus <> '';
    PERFORM set_config('search_path', path, true);
END;
$uninstall$;
