//go:build unix

// Package pooler puts a real pooler in front of a test's database: PgBouncer, Odyssey or Pgpool-II.
package pooler

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/test/guard"
)

// Pooler is one that runs until the test ends.
type Pooler struct {
	*pgtest.Database // the same one, through the pooler

	kind         *Kind
	console, dir string
}

const port = "6432"

// supervise starts the program again whenever it ends, as a service manager does, until there is a file "stop". It is a process group of
// its own, with what it forks. Its shared memory, if it left any, has its pid.
const supervise = `
	dir=$1 signal=$2; shift 2
	socket=$dir/.s.PGSQL.` + port + `
	while ! [ -e "$dir/stop" ]; do
		setsid "$@" </dev/null >>"$dir/output" 2>&1 &
		echo $! >"$dir/pid.new"; mv "$dir/pid.new" "$dir/pid"
		wait $!
		ipcs -mp | awk -v pid=$! '$3 == pid { print $1 }' | while read -r id; do ipcrm -m "$id"; done
		[ -e "$dir/ready" ] || touch "$dir/stop"
		find "$dir" -type s -delete
	done &
	end() {
		touch "$dir/stop"
		kill -"$signal" $(cat "$dir/pid") 2>/dev/null
		for hundredths in $(seq 500); do
			kill -0 $! 2>/dev/null || break
			sleep 0.01
		done
		kill -KILL -$(cat "$dir/pid") 2>/dev/null
		wait $!
	}
	for hundredths in $(seq 3000); do
		[ -S "$socket" ] || [ -e "$dir/stop" ] || sleep 0.01
	done
	if ! [ -S "$socket" ]; then
		end
		cat "$dir/output" "$dir/log" >&2
		exit 1
	fi
	touch "$dir/ready"
	await_end
	end
	rm -rf "$dir"`

// New starts it for one database and the role of its URL: in transaction mode, if it has modes, unless the settings, which are its own,
// say otherwise. It fails the test where there is no [Kind.Program].
func (k *Kind) New(tb testing.TB, database *pgtest.Database, settings map[string]string) *Pooler {
	tb.Helper()
	program := k.Program()
	if program == "" {
		tb.Fatalf("there is no %s", k.Name)
	}
	direct, err := pgx.ParseConfig(database.URL)
	if err != nil {
		tb.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "gapless-pooler-") //nolint:usetesting // it is given to another user
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	files, args := k.configure(dir, k.version(tb), direct, settings)
	for name, content := range files {
		//nolint:gosec // the user that runs it has to read them, and they are a test's
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	if filepath.IsAbs(direct.Host) {
		socket := fmt.Sprintf(".s.PGSQL.%d", direct.Port)
		if err := os.Symlink(filepath.Join(direct.Host, socket), filepath.Join(dir, socket)); err != nil {
			tb.Fatal(err)
		}
	}
	as, err := unprivileged(direct.Host, direct.Port)
	if err == nil && as != nil {
		err = os.Chown(dir, int(as.Uid), int(as.Gid)) // it makes its socket there, and removes it all if we cannot
	}
	if err == nil {
		err = guard.Run(tb, as, supervise, append([]string{dir, k.signalName, program}, args...)...)
	}
	if err != nil {
		tb.Fatalf("%s: %v", k.Name, err)
	}
	address := func(name string) string {
		return (&url.URL{
			Scheme: "postgres", User: url.User(direct.User), Path: "/" + name,
			RawQuery: url.Values{"host": {dir}, "port": {port}, "sslmode": {"disable"}}.Encode(),
		}).String()
	}
	through := *database
	through.URL = address(database.Name)
	p := &Pooler{&through, k, address("pgbouncer"), dir}
	p.awaitListening(tb)
	return p
}

// awaitListening is for a socket that is there before anybody listens.
func (p *Pooler) awaitListening(tb testing.TB) {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		conn, err := (&net.Dialer{}).DialContext(tb.Context(), "unix", filepath.Join(p.dir, ".s.PGSQL."+port))
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			output, _ := os.ReadFile(filepath.Join(p.dir, "output"))
			tb.Fatalf("the pooler does not listen: %v\n%s", err, output)
		}
	}
}

// Kill ends it at once: by SIGKILL, and Pgpool, which would leave semaphores behind, by an immediate shutdown. It is started again by
// itself, and Kill waits until it listens.
func (p *Pooler) Kill(tb testing.TB) {
	tb.Helper()
	read := func() int {
		text, err := os.ReadFile(filepath.Join(p.dir, "pid"))
		if err != nil {
			tb.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			tb.Fatal(err)
		}
		return pid
	}
	pid := read()
	if err := syscall.Kill(pid, p.kind.signal); err != nil {
		tb.Fatal(err)
	}
	// A Pgpool that is busy may not end by what it is told.
	for patience, began := 5*time.Second, time.Now(); read() == pid; time.Sleep(2 * time.Millisecond) {
		switch waited := time.Since(began); {
		case waited > 4*patience:
			tb.Fatal("the pooler was not started again")
		case waited > patience:
			_ = syscall.Kill(-pid, syscall.SIGKILL)
		}
	}
	p.awaitListening(tb)
}

// unprivileged is who runs it, since a pooler refuses to be root: whoever has the server's socket.
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
