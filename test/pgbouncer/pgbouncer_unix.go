//go:build unix

// Package pgbouncer puts a real PgBouncer in front of a test's database.
package pgbouncer

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/test/guard"
)

// Pooler is a PgBouncer that runs until the test ends.
type Pooler struct {
	*pgtest.Database // the same one, through the pooler

	console string
}

// Program is where PgBouncer is on this machine; "" if it is not.
func Program() string {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// PreparesStatements reports whether PgBouncer has the setting max_prepared_statements, which came with 1.21.
func PreparesStatements(tb testing.TB) bool {
	tb.Helper()
	output, err := exec.CommandContext(tb.Context(), Program(), "--version").Output()
	var major, minor int
	if err == nil {
		_, err = fmt.Sscanf(string(output), "PgBouncer %d.%d", &major, &minor)
	}
	if err != nil {
		tb.Fatalf("pgbouncer: its version: %v: %s", err, output)
	}
	return major > 1 || minor >= 21
}

// New starts PgBouncer, in its mode "transaction" unless the settings say otherwise, for one database and the role of its URL.
// It fails the test where there is no [Program].
func New(tb testing.TB, database *pgtest.Database, settings map[string]string) *Pooler {
	tb.Helper()
	program := Program()
	if program == "" {
		tb.Fatal("there is no PgBouncer: apt-get install pgbouncer")
	}
	direct, err := pgx.ParseConfig(database.URL)
	if err != nil {
		tb.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "gapless-pgbouncer-") //nolint:usetesting // it is given to another user
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	config, users := filepath.Join(dir, "pgbouncer.ini"), filepath.Join(dir, "users")
	quoted := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	all := map[string]string{
		"listen_addr": "", "listen_port": "6432", "unix_socket_dir": dir, "logfile": filepath.Join(dir, "log"),
		"auth_type": "trust", "auth_file": users, "admin_users": direct.User,
		"pool_mode": "transaction", "max_client_conn": "300",
	}
	maps.Copy(all, settings)
	var text strings.Builder
	fmt.Fprintf(&text, "[databases]\n%s = host=%s port=%d\n[pgbouncer]\n", database.Name, direct.Host, direct.Port)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "%s = %s\n", name, all[name])
	}
	for path, content := range map[string]string{config: text.String(), users: quoted(direct.User) + " " + quoted(direct.Password) + "\n"} {
		//nolint:gosec // the user that runs PgBouncer has to read them, and they are a test's
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	as, err := unprivileged(direct.Host, direct.Port)
	if err == nil && as != nil {
		err = os.Chown(dir, int(as.Uid), int(as.Gid)) // it makes its socket there, and removes it all if we cannot
	}
	if err == nil {
		err = guard.Run(tb, as, `
			"$1" -q "$2" </dev/null >&2 &
			while ! [ -S "$3" ]; do kill -0 $! || exit; sleep 0.02; done
			await_end
			kill -KILL $!
			wait $! || true
			rm -rf "$4"`, program, config, filepath.Join(dir, ".s.PGSQL.6432"), dir)
	}
	if err != nil {
		tb.Fatalf("pgbouncer: %v", err)
	}
	// Its socket is there before it listens.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		var conn net.Conn
		if conn, err = (&net.Dialer{}).DialContext(tb.Context(), "unix", filepath.Join(dir, ".s.PGSQL.6432")); err == nil {
			_ = conn.Close()
			break
		}
		if time.Now().After(deadline) {
			tb.Fatalf("pgbouncer: it does not listen: %v", err)
		}
	}
	address := func(name string) string {
		return (&url.URL{
			Scheme: "postgres", User: url.User(direct.User), Path: "/" + name,
			RawQuery: url.Values{"host": {dir}, "port": {"6432"}, "sslmode": {"disable"}}.Encode(),
		}).String()
	}
	through := *database
	through.URL = address(database.Name)
	return &Pooler{&through, address("pgbouncer")}
}

// unprivileged is who runs PgBouncer, which refuses to be root: then whoever has the server's socket.
func unprivileged(host string, port uint16) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	if !filepath.IsAbs(host) {
		return &syscall.Credential{Uid: 65534, Gid: 65534}, nil // nobody
	}
	info, err := os.Stat(filepath.Join(host, fmt.Sprintf(".s.PGSQL.%d", port)))
	if err != nil {
		return nil, err
	}
	owner := info.Sys().(*syscall.Stat_t)
	return &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}, nil
}

// Console runs a command of PgBouncer's console, and returns its rows by their columns' names.
func (p *Pooler) Console(tb testing.TB, command string) []map[string]string {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), p.console)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(tb.Context()))
	results, err := conn.PgConn().Exec(tb.Context(), command).ReadAll()
	if err != nil {
		tb.Fatalf("%s: %v", command, err)
	}
	var rows []map[string]string
	for _, values := range results[0].Rows {
		row := map[string]string{}
		for i, value := range values {
			row[results[0].FieldDescriptions[i].Name] = string(value)
		}
		rows = append(rows, row)
	}
	return rows
}
