package metrics

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/sqltest"
)

func TestAMonitorsRoleSeesEverything(t *testing.T) {
	t.Parallel()
	d := open(t)
	name, quoted := sqltest.Role(t, d.at, "monitor")
	d.Do("GRANT pg_monitor TO " + quoted)
	d.Do("GRANT USAGE ON SCHEMA gapless TO " + quoted)
	d.Do("GRANT SELECT ON ALL TABLES IN SCHEMA gapless TO " + quoted)
	d.Do("GRANT EXECUTE ON FUNCTION gapless.audit_gapless TO " + quoted)
	pool := d.at.Pool(t, func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["role"] = name })
	require.InDelta(t, 1, gather(t, NewCollector(pool))["gapless_up"], 0)
}
