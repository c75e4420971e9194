-- The tables of the demo. Nothing here keeps a number from being missing or there twice: that is what is counted.

CREATE SEQUENCE invoice_number; -- PostgreSQL's own, for invoice_native

CREATE TABLE invoice_gapless (
    number     bigint      NOT NULL,
    order_no   bigint      NOT NULL,
    attempt    bigint      NOT NULL PRIMARY KEY, -- the key by which a transaction is looked up when its COMMIT has no answer
    written_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE invoice_native (LIKE invoice_gapless INCLUDING ALL);

CREATE VIEW invoice AS
SELECT 'gapless' AS series, * FROM invoice_gapless
UNION ALL
SELECT 'native', * FROM invoice_native;

-- What a worker is about to do, committed before it begins.
CREATE TABLE attempt (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series    text        NOT NULL,
    order_no  bigint      NOT NULL,
    intent    text        NOT NULL, -- 'commit' or 'rollback'
    savepoint boolean     NOT NULL, -- takes a number in a savepoint first, and rolls that back
    begun_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What the control connection did: a row says that pg_terminate_backend returned true for that attempt's backend
-- before the next attempt on it.
CREATE TABLE killed (
    attempt bigint NOT NULL PRIMARY KEY,
    pid     integer NOT NULL
);

-- The attempts whose COMMIT had no answer, and what was found by their key.
CREATE TABLE looked_up (
    attempt   bigint  NOT NULL PRIMARY KEY,
    committed boolean NOT NULL
);
