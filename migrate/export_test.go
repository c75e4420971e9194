package migrate

import (
	"context"
	"io/fs"

	"github.com/jackc/pgx/v5"
)

// UpFrom is for tests with other migrations than the embedded ones.
func UpFrom(ctx context.Context, conn *pgx.Conn, migrations fs.FS) error {
	return up(ctx, conn, migrations)
}

// UpTxFrom is the same in a transaction.
func UpTxFrom(ctx context.Context, tx pgx.Tx, migrations fs.FS) error {
	return upTx(ctx, pgxHandle{tx}, migrations)
}
