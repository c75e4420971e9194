-- What is different where Citus is. The coordinator's doctor asks the nodes.
--
-- In a session on a worker, Citus takes the rows of its shards out of each query of pg_class, when that is planned. So what reads it must
-- always run, and be planned, with the setting off. Where Citus is not loaded, only a superuser might give it to a function.
DO $do$
DECLARE
    reader regprocedure;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname = 'citus') THEN
        RETURN;
    END IF;
    FOR reader IN
        SELECT p.oid
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = 'gapless'::regnamespace AND strpos(p.prosrc, 'pg_class') > 0 AND NOT starts_with(p.proname, 'model_')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET citus.override_table_visibility = off', reader);
    END LOOP;
    CREATE OR REPLACE VIEW gapless.doctor_cluster AS SELECT n.finding, n.severity, n.object, n.message, n.remedy FROM gapless.doctor_nodes() AS n;
    GRANT EXECUTE ON FUNCTION gapless.doctor_nodes TO PUBLIC; -- it looks itself who may read gapless.doctor
END;
$do$;
