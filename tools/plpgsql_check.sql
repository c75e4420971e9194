-- Checks every PL/pgSQL function of schema gapless, and those that attach_gapless makes, with the extension
-- plpgsql_check, which analyses the statements in a function's body without running it. The functions that are written
-- for gapless.model are checked by their copies: columns of every kind, attached in a schema that is dropped again.
-- Prints what it finds, and fails if that is anything.
\set ON_ERROR_STOP on
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS plpgsql_check;

DROP SCHEMA IF EXISTS checked CASCADE;
CREATE SCHEMA checked;
SET search_path = checked, public;
\o /dev/null
CREATE TABLE plain (id bigint PRIMARY KEY, d date, due boolean, value bigint UNIQUE, number text UNIQUE, sealed text UNIQUE, hash bytea, previous_hash bytea);
CREATE TABLE late (LIKE plain INCLUDING ALL);
CREATE TABLE parted (
    id bigint PRIMARY KEY, d date, due boolean, value bigint, number text, sealed text, hash bytea, previous_hash bytea,
    UNIQUE (id, value), UNIQUE (id, number), UNIQUE (id, sealed)
) PARTITION BY RANGE (id);
CREATE TABLE late_parted (LIKE parted INCLUDING ALL) PARTITION BY RANGE (id);
SELECT gapless.attach_gapless(
        t.name::regclass, c.name, name => format($$ '%s %s ' || date_part('year', NEW.d) $$, t.name, c.name),
        format => CASE WHEN c.name <> 'value' THEN $$ 'N' || value $$ END, at_commit => t.late,
        condition => CASE c.name WHEN 'number' THEN 'NEW.due' END, chronology => CASE c.name WHEN 'number' THEN 'NEW.d' END,
        unnumbered => CASE c.name WHEN 'number' THEN '/' END,
        chain => CASE c.name WHEN 'sealed' THEN $$ sha256(convert_to(concat_ws('|', NEW.sealed, NEW.d, encode(NEW.previous_hash, 'hex')), 'UTF8')) $$ END
    )
FROM (VALUES ('plain', false), ('late', true), ('parted', false), ('late_parted', true)) AS t (name, late)
CROSS JOIN (VALUES ('value'), ('number'), ('sealed')) AS c (name);
CREATE TABLE plain_member (LIKE plain INCLUDING ALL);
CREATE TABLE late_member (LIKE plain INCLUDING ALL);
SELECT gapless.attach_gapless(
        t.name::regclass, c.name, series_of => format('%s.%s', t.head, c.name), at_commit => t.late, format => CASE c.name WHEN 'number' THEN $$ 'M' || value $$ END,
        chronology => CASE c.name WHEN 'number' THEN 'NEW.d' END
    )
FROM (VALUES ('plain_member', 'plain', false), ('late_member', 'late', true)) AS t (name, head, late)
CROSS JOIN (VALUES ('value'), ('number')) AS c (name);
CREATE TABLE late_shard (LIKE plain INCLUDING ALL);
SET citus.enable_manual_changes_to_shards = on;
SELECT gapless.attach_gapless('late_shard', 'value', at_commit => true);
RESET citus.enable_manual_changes_to_shards;
CREATE TRIGGER guard_shard BEFORE INSERT ON plain_member FOR EACH STATEMENT EXECUTE FUNCTION gapless.shard_guard('value');
RESET search_path;
\o

-- What Citus has, as far as the functions name it: it is not here.
CREATE TEMPORARY TABLE pg_dist_node (nodeid integer, groupid integer, nodename text, nodeport integer, isactive boolean, noderole text);
CREATE TEMPORARY TABLE pg_dist_local_group (groupid integer);
CREATE TEMPORARY TABLE pg_dist_partition (logicalrelid regclass, partmethod "char", partkey text, colocationid integer, repmodel "char");
CREATE TEMPORARY TABLE pg_dist_transaction (groupid integer, gid text);
CREATE TEMPORARY TABLE pg_dist_shard (logicalrelid regclass, shardid bigint);
CREATE TEMPORARY TABLE pg_dist_placement (placementid bigint, shardid bigint, shardstate integer, groupid integer);
CREATE FUNCTION pg_catalog.get_current_transaction_id(OUT transaction_number bigint, OUT initiator integer) LANGUAGE sql VOLATILE AS 'SELECT 0::bigint, 0';
CREATE FUNCTION pg_catalog.column_to_column_name(regclass, text) RETURNS text LANGUAGE sql STABLE AS 'SELECT $2';
CREATE FUNCTION pg_catalog.shard_name(regclass, bigint) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text || $2';
CREATE FUNCTION pg_catalog.relation_is_a_known_shard(regclass) RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT false';
CREATE FUNCTION pg_catalog.lock_shard_metadata(integer, bigint[]) RETURNS void LANGUAGE sql VOLATILE AS 'SELECT';
CREATE FUNCTION pg_catalog.master_run_on_worker(text[], integer[], text[], boolean) RETURNS TABLE (node_name text, node_port integer, success boolean, result text)
    LANGUAGE sql VOLATILE AS 'SELECT NULL::text, NULL::integer, NULL::boolean, NULL::text';
CREATE FUNCTION pg_catalog.run_command_on_workers(text) RETURNS TABLE (nodename text, nodeport integer, success boolean, result text)
    LANGUAGE sql VOLATILE AS 'SELECT NULL::text, NULL::integer, NULL::boolean, NULL::text';
CREATE FUNCTION pg_catalog.run_command_on_all_nodes(text) RETURNS TABLE (nodeid integer, success boolean, result text)
    LANGUAGE sql VOLATILE AS 'SELECT NULL::integer, NULL::boolean, NULL::text';

CREATE TEMPORARY TABLE finding AS
SELECT p.pronamespace::regnamespace AS schema, p.proname, c.*
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
LEFT JOIN LATERAL (
    SELECT t.tgrelid, t.tgnewtable FROM pg_catalog.pg_trigger AS t WHERE t.tgfoid = p.oid ORDER BY t.tgnewtable, t.oid LIMIT 1
) AS t ON true
CROSS JOIN LATERAL plpgsql_check_function_tb(
    p.oid::regprocedure, coalesce(t.tgrelid, 0), newtable => t.tgnewtable, fatal_errors => false, other_warnings => true,
    extra_warnings => true, performance_warnings => true, security_warnings => true
) AS c
WHERE (p.pronamespace = 'gapless'::regnamespace AND p.proname NOT LIKE 'model\_%' OR p.pronamespace = 'checked'::regnamespace)
    -- Citus is named in EXECUTE alone, since it need not be there.
    AND NOT (p.proname IN ('shard_tables', 'on_workers', 'doctor_nodes') AND c.message = 'immutable expression without parameters found')
    -- It takes functions that only raise for constants. Planning must not call them.
    AND c.message NOT LIKE 'routine is marked as %, should be IMMUTABLE'
    -- The same of those that have to see what the transaction has just written.
    AND NOT ((p.proname = 'column_own' OR p.proname LIKE '%\_gapless\_rest' OR p.proname = 'column_enter_elsewhere') AND c.message = 'routine is marked as VOLATILE, should be STABLE')
    -- SQL is an argument of these: the expressions of the table's owner, with whose rights they run.
    AND NOT (p.proname IN (
        'attach_gapless', 'column_check_expression', 'column_compile', 'column_express', 'column_express_read', 'column_guard_partitions', 'column_make_index', 'column_make_triggers', 'column_own',
        'column_take_over', 'shard_attach', 'shard_known', 'shard_lacks', 'shard_named', 'shard_page'
    ) AND c.message IN ('text type variable is not sanitized', 'the expression is not SQL injection safe'))
    -- Citus is named in EXECUTE alone, since it need not be there.
    AND NOT (p.proname IN ('shard_check_session', 'shard_coordinator', 'shard_guards') AND c.message = 'immutable expression without parameters found')
    AND NOT (p.proname = 'shard_take' AND c.message = 'routine is marked as VOLATILE, should be STABLE')
    -- Its result comes from dynamic SQL, which the extension does not follow.
    AND NOT (p.proname = 'audit_numbers' AND c.detail = 'cannot to determine result of dynamic SQL')
    -- Set by RETURNING or beside a result, where a statement of its own would cost each transaction some microseconds.
    AND c.message <> 'never read variable "noted"';

SELECT schema, proname, lineno, level, sqlstate, message, detail, hint FROM finding;

DO $do$
DECLARE
    functions bigint := (
        SELECT count(*) FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
        WHERE p.pronamespace = 'gapless'::regnamespace AND l.lanname = 'plpgsql'
    );
    copies bigint := (
        SELECT count(*) FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
        WHERE p.pronamespace = 'checked'::regnamespace AND l.lanname = 'plpgsql'
    );
BEGIN
    DROP SCHEMA checked CASCADE;
    DROP FUNCTION pg_catalog.master_run_on_worker(text[], integer[], text[], boolean), pg_catalog.run_command_on_all_nodes(text), pg_catalog.run_command_on_workers(text),
        pg_catalog.get_current_transaction_id(), pg_catalog.column_to_column_name(regclass, text), pg_catalog.shard_name(regclass, bigint),
        pg_catalog.relation_is_a_known_shard(regclass);
    IF functions < 10 OR copies < 40 THEN
        RAISE EXCEPTION 'only % functions to check, and % of columns: is schema gapless installed?', functions, copies;
    ELSIF EXISTS (SELECT FROM finding) THEN
        RAISE EXCEPTION 'plpgsql_check found % problem(s)', (SELECT count(*) FROM finding);
    END IF;
    SET LOCAL client_min_messages = warning;
    RAISE WARNING 'plpgsql_check found nothing in % functions and % of columns', functions, copies;
END;
$do$;
