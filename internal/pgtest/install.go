package pgtest

import (
	"context"

	"github.com/pggapless/gapless/sql"
)

// Install installs schema gapless in the database of that URL, as sql/gapless.sql does; it is what most packages give [Main].
func Install(ctx context.Context, url string) error {
	script, err := sql.Script()
	if err != nil {
		return err
	}
	return execute(ctx, url, script)
}
