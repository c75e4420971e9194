package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless/internal/pgtest"
)

// machine is where a run was made.
type machine struct {
	date                   time.Time
	processor, memory      string
	postgres, settings     string
	flush, slow            spread // milliseconds that one flush takes
	cores                  int
	goVersion, system, arc string
}

func (m machine) table() table {
	t := table{head: []string{"where", ""}, text: true}
	t.add("date", m.date.UTC().Format("2006-01-02 15:04 MST"))
	t.add("machine", strconv.Itoa(m.cores)+" cores of "+m.processor+", "+m.memory+" memory, "+m.system+"/"+m.arc)
	t.add("PostgreSQL", m.postgres)
	t.add("its settings", m.settings)
	t.add("Go", m.goVersion)
	t.add("one flush, the disk's own", m.flush.String()+" ms")
	t.add("one flush, with 1 ms of `commit_delay`", m.slow.String()+" ms")
	return t
}

// describe finds out where this runs, and how long a flush takes there.
func describe(ctx context.Context, server *pgtest.Server) (machine, error) {
	m := machine{
		date: time.Now(), cores: runtime.NumCPU(), goVersion: runtime.Version(), system: runtime.GOOS, arc: runtime.GOARCH,
		processor: cmp.Or(field("/proc/cpuinfo", "model name"), "an unknown processor"),
		memory:    "unknown",
	}
	if kilobytes, err := strconv.Atoi(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB")); err == nil {
		m.memory = strconv.Itoa((kilobytes+1<<19)>>20) + " GB"
	}
	conn, err := pgx.Connect(ctx, server.URL())
	if err != nil {
		return m, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := conn.QueryRow(ctx, `SELECT current_setting('server_version'), (SELECT string_agg(name || ' = ' || current_setting(name), ', ' ORDER BY name)
		FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method', 'wal_level', 'autovacuum', 'jit',
			'shared_buffers', 'max_wal_size', 'checkpoint_timeout'))`).Scan(&m.postgres, &m.settings); err != nil {
		return m, err
	}
	if !strings.Contains(m.settings, "fsync = on") {
		return m, errors.New("fsync is off: what is measured there says nothing about commits that are durable")
	}
	if m.flush, err = flushTime(ctx, conn, diskFlush); err != nil {
		return m, err
	}
	m.slow, err = flushTime(ctx, conn, slowFlush)
	return m, err
}

// flushTime is how much longer a small transaction takes with its flush than without, in milliseconds.
func flushTime(ctx context.Context, conn *pgx.Conn, f flush) (spread, error) {
	const samples, commits = 5, 100
	var times []float64
	for range samples {
		var took [2]time.Duration
		for i, f := range []flush{f, noFlush} {
			for name, value := range f.parameters {
				if _, err := conn.Exec(ctx, "SELECT set_config($1, $2, false)", name, value); err != nil {
					return spread{}, err
				}
			}
			begin := time.Now()
			for range commits {
				if _, err := conn.Exec(ctx, "SELECT pg_logical_emit_message(true, 'bench', '')"); err != nil {
					return spread{}, err
				}
			}
			took[i] = time.Since(begin)
		}
		times = append(times, (took[0]-took[1]).Seconds()*1e3/commits)
	}
	return summarize(times), nil
}

// field is the first value of that name in a file of Linux' /proc, or "".
func field(path, name string) string {
	content, err := os.ReadFile(path) //nolint:gosec // one of two constants
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(content)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
