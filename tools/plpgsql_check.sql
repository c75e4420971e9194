-- Checks every PL/pgSQL function of schema gapless with the extension plpgsql_check, which analyses the statements in
-- a function's body without running it. Prints what it finds, and fails if that is anything.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS plpgsql_check;

CREATE TEMPORARY TABLE finding AS
SELECT p.proname, c.*
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
CROSS JOIN LATERAL plpgsql_check_function_tb(
    p.oid::regprocedure, fatal_errors => false, other_warnings => true, extra_warnings => true,
    performance_warnings => true, security_warnings => true
) AS c
WHERE p.pronamespace = 'gapless'::regnamespace
    -- It takes functions that only raise for constants. Planning must not call them.
    AND c.message NOT LIKE 'routine is marked as %, should be IMMUTABLE'
    -- The same of one that has to see what the transaction has just written.
    AND NOT (p.proname = 'column_own' AND c.message = 'routine is marked as VOLATILE, should be STABLE')
    -- SQL is an argument of these: the expressions of the table's owner, with whose rights they run.
    AND NOT (p.proname IN ('attach_gapless', 'column_check_expression', 'column_guard_partition') AND c.message = 'text type variable is not sanitized')
    -- Its result comes from dynamic SQL, which the extension does not follow.
    AND NOT (p.proname = 'audit_numbers' AND c.detail = 'cannot to determine result of dynamic SQL')
    -- Set by RETURNING or beside a result, where a statement of its own would cost each transaction some microseconds.
    AND c.message <> 'never read variable "noted"';

SELECT proname, lineno, level, sqlstate, message, detail, hint FROM finding;

DO $do$
DECLARE
    functions bigint := (
        SELECT count(*) FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
        WHERE p.pronamespace = 'gapless'::regnamespace AND l.lanname = 'plpgsql'
    );
BEGIN
    IF functions < 10 THEN
        RAISE EXCEPTION 'only % functions to check: is schema gapless installed?', functions;
    ELSIF EXISTS (SELECT FROM finding) THEN
        RAISE EXCEPTION 'plpgsql_check found % problem(s)', (SELECT count(*) FROM finding);
    END IF;
    RAISE WARNING 'plpgsql_check found nothing in % functions', functions;
END;
$do$;
