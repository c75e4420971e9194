-- The tables of the checks of Go libraries: invoices are numbered by INSERT, receipts at commit.
CREATE TABLE invoices (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id text   NOT NULL UNIQUE,
    customer text   NOT NULL,
    number   bigint NOT NULL UNIQUE
);
SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$);
CREATE TABLE receipts (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cents  bigint NOT NULL,
    number bigint
);
CREATE UNIQUE INDEX ON receipts (number) WHERE number IS NOT NULL;
SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt' $$, at_commit => true);
