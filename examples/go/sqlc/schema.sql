CREATE TABLE invoices (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id text   NOT NULL UNIQUE,
    customer text   NOT NULL,
    number   bigint NOT NULL UNIQUE
);
CREATE TABLE receipts (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cents  bigint NOT NULL,
    number bigint UNIQUE -- NULL until the transaction commits
);
SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$);
SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt' $$, at_commit => true);
