package sqltest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// DisconnectStandby has a standby fall behind from now on.
func DisconnectStandby(t *testing.T, primary, standby *pgtest.OwnServer) {
	t.Helper()
	onStandby, onPrimary := ConnectTo(t, standby.URL()), ConnectTo(t, primary.URL())
	onStandby.Do("ALTER SYSTEM SET primary_conninfo = ''")
	onStandby.Do("SELECT pg_reload_conf()")
	require.Eventually(t, func() bool { return onPrimary.Number("SELECT count(*) FROM pg_stat_replication") == 0 }, Eventually, Tick)
}
