package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless/internal/connstring"
)

// Programs is the folder of the programs that the server was started from; "" if it was not.
func (s *OwnServer) Programs() string { return s.bin }

// CanHaveStandby reports whether [NewStandby] works for this server: it was started from programs, and pg_basebackup is
// one of them.
func (s *OwnServer) CanHaveStandby() bool {
	if s.bin == "" {
		return false
	}
	_, err := s.config.host.lookPath(filepath.Join(s.bin, "pg_basebackup"))
	return err == nil
}

// NewStandby starts a hot standby of the primary, which streams from it through a slot, and is stopped and removed when
// tb ends. It has the primary's settings unless opts say otherwise.
func NewStandby(tb TB, primary *OwnServer, opts ...Option) *OwnServer {
	tb.Helper()
	if !primary.CanHaveStandby() {
		tb.Fatal("pgtest: a standby needs a primary that was started from programs, with pg_basebackup next to them")
	}
	c := primary.config
	c.provider, c.primary, c.slot = "programs", primary.url, "standby_"+strings.ToLower(rand.Text()[:12])
	c.settings = maps.Clone(c.settings)
	c.settings["cluster_name"] = c.slot // the standby's name for the primary
	// It says soon what it has, and comes back soon to a primary that was restarted: by default, each takes seconds.
	c.settings["wal_receiver_status_interval"], c.settings["wal_retrieve_retry_interval"] = "1s", "100ms"
	for _, opt := range opts {
		opt(&c)
	}
	s := startOwn(tb, c)
	s.SetSynchronous(tb) // the primary's setting was copied
	return s
}

// Replica is a primary's database in its standby.
func (s *OwnServer) Replica(tb TB, d *Database) *Database {
	tb.Helper()
	address, err := connstring.WithDatabase(s.url, d.Name)
	if err != nil {
		tb.Fatal(err)
	}
	return &Database{Name: d.Name, URL: address, server: s.Server}
}

// SetSynchronous makes commits wait for all of these standbys, or for none, and blocks until that is so. It lasts until
// the next call, also in what is started again; what a commit waits for is up to synchronous_commit.
func (s *OwnServer) SetSynchronous(tb TB, standbys ...*OwnServer) {
	tb.Helper()
	names := make([]string, len(standbys))
	for i, standby := range standbys {
		names[i] = standby.config.slot
	}
	value := ""
	if len(names) > 0 {
		value = fmt.Sprintf("FIRST %d (%s)", len(names), strings.Join(names, ", "))
	}
	ctx, cancel := patience(tb)
	defer cancel()
	err := s.setSynchronous(ctx, value, names)
	if err != nil {
		tb.Fatalf("pgtest: set synchronous_standby_names: %v", err)
	}
}

func (s *OwnServer) setSynchronous(ctx context.Context, value string, names []string) error {
	const asked = `SELECT current_setting('synchronous_standby_names') = $1 AND (
		SELECT count(*) FROM pg_catalog.pg_stat_replication WHERE application_name = ANY ($2) AND sync_state = 'sync'
	) = cardinality($2)`
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = '" + value + "'", "SELECT pg_reload_conf()"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	err = poll(ctx, func() (so bool, err error) {
		err = conn.QueryRow(ctx, asked, value, names).Scan(&so)
		return so, err
	})
	if err != nil {
		return err
	}
	// A session that sees it began after all processes were told, and a checkpoint shows that the checkpointer, which
	// decides whether commits wait, has noticed.
	if err = poll(ctx, func() (bool, error) { return one[bool](ctx, s.url, asked, value, names) }); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "CHECKPOINT")
	return err
}

// Promote makes a standby a primary, and blocks until it is.
func (s *OwnServer) Promote(tb TB) {
	tb.Helper()
	ctx, cancel := patience(tb)
	defer cancel()
	promoted, err := one[bool](ctx, s.url, "SELECT pg_promote(true, 100)")
	if err != nil || !promoted {
		tb.Fatalf("pgtest: promote the standby: %v (within 100 seconds: %t)", err, promoted)
	}
}
