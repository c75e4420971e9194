-- name: EnsureNumbered :exec
SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$, ensure => true);

-- name: AddInvoice :one
INSERT INTO invoices (customer) VALUES ($1) RETURNING *;

-- name: OpenCase :one
INSERT INTO cases (number, title) VALUES (gapless.next_gapless('case'), $1) RETURNING *;

-- name: NextNumber :one
SELECT gapless.next_gapless($1);

-- name: NextNumbers :many
SELECT gapless.next_gapless_batch($1, $2);

-- name: LastNumber :one
SELECT last FROM gapless.last_gapless(name => @name) AS last;

-- name: VoidNumber :exec
SELECT gapless.void_gapless(name => @name, value => @value, reason => @reason);

-- name: CloseSequence :exec
SELECT gapless.close_gapless(@name, @reason);

-- name: Sequences :many
SELECT * FROM gapless.sequences;

-- name: Ranges :many
SELECT * FROM gapless.ranges WHERE name = $1;

-- name: Columns :many
SELECT * FROM gapless.columns;

-- name: Holders :many
SELECT * FROM gapless.holders WHERE name = $1;

-- name: Audits :many
SELECT * FROM gapless.audits ORDER BY ordinal;

-- name: Unexplained :one
SELECT count(*) FROM gapless.audit_gapless() WHERE NOT explained;
