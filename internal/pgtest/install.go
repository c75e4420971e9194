package pgtest

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless/migrate"
)

// Install installs schema gapless in the database of that URL; it is what most packages give [Main]. It blocks as
// [migrate.Up] does.
func Install(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return migrate.Up(ctx, conn)
}
