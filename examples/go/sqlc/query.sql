-- name: CreateInvoice :one
INSERT INTO invoices (order_id, customer) VALUES ($1, $2) RETURNING *;

-- name: CreateInvoices :many
INSERT INTO invoices (order_id, customer)
SELECT unnest(@order_ids::text[]), unnest(@customers::text[]) RETURNING *;

-- name: CopyInvoices :copyfrom
INSERT INTO invoices (order_id, customer) VALUES ($1, $2);

-- name: RenameInvoice :one
UPDATE invoices SET customer = $2 WHERE id = $1 RETURNING *;

-- name: UpsertInvoice :one
INSERT INTO invoices (order_id, customer) VALUES ($1, $2)
ON CONFLICT (order_id) DO UPDATE SET customer = excluded.customer RETURNING *;

-- name: CreateReceipt :one
INSERT INTO receipts (cents) VALUES ($1) RETURNING *;

-- name: GetReceipt :one
SELECT * FROM receipts WHERE id = $1;

-- name: NumberByHand :exec
UPDATE invoices SET number = $2 WHERE id = $1;

-- name: NextCase :one
SELECT gapless.next_gapless('case');
