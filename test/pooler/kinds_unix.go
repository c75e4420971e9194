//go:build unix

package pooler

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Kind is one of the programs.
type Kind struct {
	Name    string
	Package string // Debian's
	program string
	// signal ends it at once.
	signal     syscall.Signal
	signalName string
	// configure returns the files of its folder, and its arguments.
	configure func(dir string, version release, server *pgx.ConnConfig, settings map[string]string) (files map[string]string, args []string)
}

// The poolers that the tests know.
var (
	PgBouncer = &Kind{"PgBouncer", "pgbouncer", "pgbouncer", syscall.SIGKILL, "KILL", configurePgBouncer}
	Odyssey   = &Kind{"Odyssey", "odyssey, since forky", "odyssey", syscall.SIGKILL, "KILL", configureOdyssey}
	Pgpool    = &Kind{"Pgpool", "pgpool2", "pgpool", syscall.SIGQUIT, "QUIT", configurePgpool}
)

// Each runs a test for each of them, and skips it where the program is missing.
func Each(t *testing.T, test func(t *testing.T, kind *Kind)) {
	t.Helper()
	for _, kind := range []*Kind{PgBouncer, Odyssey, Pgpool} {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			kind.Want(t)
			test(t, kind)
		})
	}
}

// Program is where it is: in the folder of GAPLESS_POOLERS_BIN, if that is set, or where packages put it; "" if it is not.
func (k *Kind) Program() string {
	places := []string{k.program, "/usr/sbin/" + k.program}
	if folder := os.Getenv("GAPLESS_POOLERS_BIN"); folder != "" {
		places = []string{filepath.Join(folder, k.program)}
	}
	for _, place := range places {
		if path, err := exec.LookPath(place); err == nil {
			return path
		}
	}
	return ""
}

// Want skips the test where there is no such program.
func (k *Kind) Want(tb testing.TB) {
	tb.Helper()
	if k.Program() == "" {
		tb.Skipf("there is no %s here: install Debian's package %s, or set GAPLESS_POOLERS_BIN to what tools/poolers prints", k.Name, k.Package)
	}
}

type release struct{ major, minor int }

func (r release) before(other release) bool {
	return r.major < other.major || r.major == other.major && r.minor < other.minor
}

// version is read from what the program says of itself.
func (k *Kind) version(tb testing.TB) (r release) {
	tb.Helper()
	output, err := exec.CommandContext(tb.Context(), k.Program(), "--version").CombinedOutput()
	if err == nil {
		said := strings.NewReplacer("PgBouncer ", "", "odyssey ", "", "pgpool-II version ", "").Replace(string(output))
		_, err = fmt.Sscanf(said, "%d.%d", &r.major, &r.minor)
	}
	if err != nil {
		tb.Fatalf("%s: its version: %v: %s", k.Name, err, output)
	}
	return r
}

// PreparesStatements reports whether PgBouncer has the setting max_prepared_statements, which came with 1.21.
func PreparesStatements(tb testing.TB) bool {
	tb.Helper()
	return !PgBouncer.version(tb).before(release{1, 21})
}

func configurePgBouncer(dir string, _ release, server *pgx.ConnConfig, settings map[string]string) (files map[string]string, args []string) {
	quoted := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	all := map[string]string{
		"listen_addr": "", "listen_port": port, "unix_socket_dir": dir, "logfile": filepath.Join(dir, "log"),
		"auth_type": "trust", "auth_file": filepath.Join(dir, "users"), "admin_users": server.User,
		"pool_mode": "transaction", "max_client_conn": "300",
	}
	maps.Copy(all, settings)
	text := fmt.Sprintf("[databases]\n%s = host=%s port=%d\n[pgbouncer]\n", server.Database, server.Host, server.Port) + lines(all, "%s = %s\n")
	return map[string]string{"config": text, "users": quoted(server.User) + " " + quoted(server.Password) + "\n"},
		[]string{"-q", filepath.Join(dir, "config")}
}

// configureOdyssey has it look for the server's socket in its own folder, which has a link to it: it knows one folder for both.
func configureOdyssey(dir string, _ release, server *pgx.ConnConfig, settings map[string]string) (files map[string]string, args []string) {
	all := map[string]string{
		"authentication": `"none"`, "storage": `"server"`, "storage_user": `"` + server.User + `"`,
		"storage_password": `"` + server.Password + `"`, "pool": `"transaction"`, "pool_size": "20",
	}
	maps.Copy(all, settings)
	address := fmt.Sprintf("port %d", server.Port)
	if !filepath.IsAbs(server.Host) {
		address += fmt.Sprintf("\nhost %q", server.Host)
	}
	text := fmt.Sprintf(`daemonize no
unix_socket_dir %[1]q
unix_socket_mode "0777"
locks_dir %[1]q
log_file "%[1]s/log"
log_format "%%p %%t %%l [%%i %%s] (%%c) %%m\n"
log_to_stdout no
graceful_shutdown_timeout_ms 100
coroutine_stack_size 24
listen {
port %[2]s
}
storage "server" {
type "remote"
%[3]s
}
database %[4]q {
user %[5]q {
%[6]s}
}
`, dir, port, address, server.Database, server.User, lines(all, "%s %s\n"))
	return map[string]string{"config": text}, []string{filepath.Join(dir, "config")}
}

func configurePgpool(dir string, version release, server *pgx.ConnConfig, settings map[string]string) (files map[string]string, args []string) {
	all := map[string]string{
		"backend_clustering_mode": "streaming_replication", "listen_addresses": "", "port": port,
		"memqcache_oiddir": dir, "pcp_listen_addresses": "", "pcp_socket_dir": dir, "wd_ipc_socket_dir": dir, "work_dir": dir, "logdir": dir,
		"pid_file_name": filepath.Join(dir, "pgpool.pid"), "pool_passwd": "", "enable_pool_hba": "off",
		"num_init_children": "40", "max_pool": "1", "sr_check_period": "0", "health_check_period": "0",
		"failover_on_backend_error": "off", "failover_on_backend_shutdown": "off",
		"backend_hostname0": server.Host, "backend_port0": strconv.Itoa(int(server.Port)), "backend_weight0": "1", "backend_flag0": "DISALLOW_TO_FAILOVER",
	}
	if version.before(release{4, 4}) {
		all["socket_dir"] = dir
	} else {
		all["unix_socket_directories"] = dir
	}
	maps.Copy(all, settings)
	return map[string]string{"config": lines(all, "%s = '%s'\n"), "pcp": "", "hba": ""},
		[]string{"-n", "-f", filepath.Join(dir, "config"), "-F", filepath.Join(dir, "pcp"), "-a", filepath.Join(dir, "hba")}
}

func lines(settings map[string]string, format string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, format, name, settings[name])
	}
	return text.String()
}

// Modes are the settings of its modes in which a transaction stays on one connection.
func (k *Kind) Modes() []map[string]string {
	switch k {
	case PgBouncer:
		return []map[string]string{{"pool_mode": "transaction"}, {"pool_mode": "session"}}
	case Odyssey:
		return []map[string]string{{"pool": `"transaction"`}, {"pool": `"session"`}}
	}
	return []map[string]string{nil} // a client has its connection for as long as it stays
}
