package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgpassfile"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

const urlVariable = "GAPLESS_DATABASE_URL"

// cancelPatience is how long the server may take to answer after Ctrl-C.
const cancelPatience = 5 * time.Second

// place is what the command line says of the database's place.
type place struct {
	database         string // whatever psql takes
	host, port, role string
}

func (p *place) add(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringVarP(&p.database, "database-url", "d", "", "the database, as psql has it: a URL, \"key=value …\" or a name (default: "+urlVariable+")")
	flags.StringVar(&p.host, "host", "", "its server's `host`, or the folder of its socket (default: PGHOST)")
	flags.StringVarP(&p.port, "port", "p", "", "its server's `port` (default: PGPORT)")
	flags.StringVarP(&p.role, "username", "U", "", "the `role` to connect as (default: PGUSER)")
	cmd.SetGlobalNormalizationFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "dbname" { // psql's
			name = "database-url"
		}
		return pflag.NormalizedName(name)
	})
}

// given says whether the command line names a database.
func (p *place) given() bool { return *p != place{} }

// psqlVariables are those of libpq's that say which database is meant, and not only how to reach it.
var psqlVariables = []string{"PGSERVICE", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER"}

// connectionString is what the command line and the environment say, as a connection string of libpq's. What it does not say comes
// from libpq's variables and files.
func (a *app) connectionString() (string, error) {
	text := cmp.Or(a.place.database, a.getenv(urlVariable))
	if text == "" && !a.place.given() && !slices.ContainsFunc(psqlVariables, func(name string) bool { return a.getenv(name) != "" }) {
		return "", usage("no database is given",
			"pass --database-url postgres://user:password@host:5432/database, or set "+urlVariable+", or PGHOST and its like as for psql")
	}
	isURL := strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
	if !isURL && !strings.Contains(text, "=") {
		if strings.Contains(text, "://") || strings.Contains(text, "@") { // it may have a password, which is not repeated
			return "", usage("the database URL is not one: it does not begin with postgres://", "postgres://user:password@host:5432/database")
		}
		if text != "" {
			text = "dbname=" + quoted(text)
		}
	}
	for _, flag := range [][2]string{{"host", a.place.host}, {"port", a.place.port}, {"user", a.place.role}} {
		if flag[1] != "" {
			text = withKey(text, flag[0], flag[1])
		}
	}
	return text, nil
}

// quoted is a value in a connection string.
func quoted(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}

// withKey is a connection string with another value for a key, whatever it had.
func withKey(text, key, value string) string {
	if !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		return strings.TrimLeft(text+" "+key+"="+quoted(value), " ")
	}
	separator := "?"
	if strings.Contains(text, "?") {
		separator = "&"
	}
	return text + separator + key + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}

// config is how to connect to the database that was given.
func (a *app) config() (*pgx.ConnConfig, error) {
	text, err := a.connectionString()
	if err != nil {
		return nil, err
	}
	config, err := a.parse(text)
	if err != nil {
		return nil, noDatabase(err)
	}
	if config, err = a.asLibpq(text, a.fromPassfile(text, config)); err != nil {
		return nil, err
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "gapless"
	}
	// After Ctrl-C the server must stop waiting for a lock, too: a connection that is merely closed would stay in
	// the queue.
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelPatience}
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if a.onNotice != nil {
			a.onNotice(n)
		}
	}
	return config, nil
}

// parse parses a connection string. A service that the user's own file does not have is looked for in the system's, as libpq does.
func (a *app) parse(text string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(text)
	if !withoutService(err) {
		return config, err
	}
	if file := valueIn(text, servicefileKey); file != "" {
		return nil, a.noService(text, file)
	}
	files := []string{a.getenv("PGSERVICEFILE")}
	if home, err := os.UserHomeDir(); err == nil && files[0] == "" {
		files[0] = filepath.Join(home, ".pg_service.conf")
	}
	folders := []string{"/etc/postgresql-common", "/etc/sysconfig/pgsql"} // Debian's, and that of PostgreSQL's own RPMs
	if folder := a.getenv("PGSYSCONFDIR"); folder != "" {
		folders = []string{folder}
	}
	for _, folder := range folders {
		file := filepath.Join(folder, "pg_service.conf")
		if config, err := pgx.ParseConfig(withKey(text, "servicefile", file)); !withoutService(err) {
			return config, err
		}
		files = append(files, file)
	}
	return nil, a.noService(text, files...)
}

// withoutService says whether an error of pgx's is that a service is not in the file where it was looked for.
func withoutService(err error) bool {
	return err != nil && strings.Contains(err.Error(), "failed to read service (")
}

// noService says that a service is in none of the files.
func (a *app) noService(text string, files ...string) error {
	var read []string
	for _, file := range files {
		if file == "" { // nobody has a home
			continue
		}
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			file += " (not there)"
		}
		read = append(read, file)
	}
	name := cmp.Or(valueIn(text, serviceKey), a.getenv("PGSERVICE"))
	return usage(fmt.Sprintf("service %q is in none of the files that were read: %s", name, strings.Join(read, ", ")),
		"PGSERVICEFILE names another file")
}

// noDatabase says that a connection string cannot be used.
func noDatabase(err error) error {
	if known, ok := errors.AsType[*failure](err); ok {
		return known
	}
	return usage("the database URL is not one: "+oneLine(err.Error()), "postgres://user:password@host:5432/database")
}

// Keys of connection strings that are looked for before pgx parses them, or after it could not.
var (
	passfileKey    = keyPattern("passfile")
	serviceKey     = keyPattern("service")
	servicefileKey = keyPattern("servicefile")
)

func keyPattern(key string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[\s?&])` + key + `\s*=\s*(?:'([^']*)'|([^\s&']+))`)
}

// valueIn is the value that a connection string has for a key, or "".
func valueIn(text string, key *regexp.Regexp) string {
	found := key.FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	value := cmp.Or(found[1], found[2])
	if unescaped, err := url.PathUnescape(value); err == nil && strings.Contains(text, "://") {
		value = unescaped
	}
	return value
}

// passfile is the password file that a connection string has, or the environment, or a user by default.
func (a *app) passfile(text string) string {
	if file := valueIn(text, passfileKey); file != "" {
		return file
	}
	if file := a.getenv("PGPASSFILE"); file != "" {
		return file
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".pgpass")
}

// fromPassfile treats password files as libpq does, and pgx does not: one that others can read is not used; and a socket's host is its
// folder. That is "localhost" in pgx, in libpq only for the default folder.
func (a *app) fromPassfile(text string, config *pgx.ConnConfig) *pgx.ConnConfig {
	without, err := a.parse(withKey(text, "passfile", os.DevNull))
	if err != nil || without.Password != "" { // it is not of a file
		return config
	}
	path := a.passfile(text)
	info, err := os.Stat(path)
	if err != nil { // or the service has another
		return config
	}
	if strings.HasPrefix(config.Host, "/") && config.Password == "" {
		if passwords, err := pgpassfile.ReadPassfile(path); err == nil {
			database := cmp.Or(config.Database, config.User)
			config.Password = passwords.FindPassword(config.Host, strconv.Itoa(int(config.Port)), database, config.User)
		}
	}
	if config.Password != "" && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		a.note("warning: password file %s is not used, since others can read it; chmod 600 makes it private", path)
		return without
	}
	return config
}

// Parameters of libpq's that pgx would send to the server as settings, which refuses them.
var (
	// without these a connection works as well: Go keeps connections alive by itself, and never encrypts by GSSAPI.
	needless = []string{
		"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_roletimeout", "sslcompression", "load_balance_hosts",
		"gsslib", "gssdelegation", "client_encoding",
	}
	// and these would protect it, which they must not seem to do.
	impossible = map[string]string{
		"requirepeer": "PGREQUIREPEER", "sslcrl": "PGSSLCRL", "sslcrldir": "PGSSLCRLDIR", "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
	}
)

// asLibpq does what libpq does with a connection string and pgx does not.
func (a *app) asLibpq(text string, config *pgx.ConnConfig) (*pgx.ConnConfig, error) {
	given := func(key, variable string) string {
		return cmp.Or(config.RuntimeParams[key], a.getenv(variable))
	}
	for key, variable := range impossible {
		if given(key, variable) != "" {
			return nil, usage(fmt.Sprintf("gapless cannot do what %s (%s) asks of the connection", key, variable), "leave it out, or use psql")
		}
	}
	if given("gssencmode", "PGGSSENCMODE") == "require" {
		return nil, usage("gapless cannot encrypt by GSSAPI, as gssencmode (PGGSSENCMODE) asks", "use TLS: sslmode=require")
	}
	addresses := given("hostaddr", "PGHOSTADDR")
	if addresses != "" && strings.HasPrefix(config.Host, "/") { // no host is given
		var err error
		if config, err = a.parse(withKey(text, "host", addresses)); err != nil {
			return nil, noDatabase(err)
		}
	} else if addresses != "" {
		if err := lookUp(config, strings.Split(addresses, ",")); err != nil {
			return nil, err
		}
	}
	switch least := given("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"); least {
	case "", "TLSv1", "TLSv1.1", "TLSv1.2": // which is Go's least
	case "TLSv1.3":
		for _, c := range tlsConfigs(config) {
			c.MinVersion = tls.VersionTLS13
		}
	default:
		return nil, usage(fmt.Sprintf("ssl_min_protocol_version cannot be %q", least), "it is TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3")
	}
	params := config.RuntimeParams
	params["application_name"] = cmp.Or(params["application_name"], params["fallback_application_name"])
	for _, key := range slices.Concat(needless, []string{"hostaddr", "gssencmode", "ssl_min_protocol_version", "fallback_application_name"}) {
		delete(params, key)
	}
	for key := range params {
		if strings.HasPrefix(key, "pool_") { // of a pool of pgx's
			delete(params, key)
		}
	}
	params["client_encoding"] = "UTF8" // which Go's texts are
	return config, nil
}

// lookUp lets names of hosts have these addresses, one each. The names stay what certificates are checked for.
func lookUp(config *pgx.ConnConfig, addresses []string) error {
	var hosts []string
	add := func(host string, port uint16) {
		if at := net.JoinHostPort(host, strconv.FormatUint(uint64(port), 10)); !slices.Contains(hosts, at) { // each is there once with TLS and once without
			hosts = append(hosts, at)
		}
	}
	add(config.Host, config.Port)
	for _, f := range config.Fallbacks {
		add(f.Host, f.Port)
	}
	if len(hosts) != len(addresses) {
		return usage(fmt.Sprintf("hostaddr has %d addresses, and there are %d hosts", len(addresses), len(hosts)), "")
	}
	of := map[string][]string{}
	for i, at := range hosts {
		host, _, _ := net.SplitHostPort(at)
		of[host] = append(of[host], addresses[i])
	}
	system := config.LookupFunc
	config.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		if found := of[host]; found != nil {
			return found, nil
		}
		return system(ctx, host)
	}
	return nil
}

func tlsConfigs(config *pgx.ConnConfig) (all []*tls.Config) {
	if config.TLSConfig != nil {
		all = append(all, config.TLSConfig)
	}
	for _, f := range config.Fallbacks {
		if f.TLSConfig != nil {
			all = append(all, f.TLSConfig)
		}
	}
	return all
}

// connect opens the connection to the database that was given. Where a password is lacking, it is asked for on the terminal.
func (a *app) connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := a.config()
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || refused.Code != "28P01" || config.Password != "" || a.askPassword == nil {
		return conn, err
	}
	if config.Password, err = a.askPassword(ctx, config.User); err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, config)
}

// passwordFrom asks for a role's password on a terminal, which does not show it.
func passwordFrom(terminal *os.File, stderr io.Writer) func(ctx context.Context, role string) (string, error) {
	return func(ctx context.Context, role string) (string, error) {
		fd := int(terminal.Fd())
		before, err := term.GetState(fd)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(stderr, "Password for role %s: ", cell(role))
		defer fmt.Fprintln(stderr)
		type answer struct {
			password []byte
			err      error
		}
		read := make(chan answer, 1)
		go func() { // stays behind when ctx ends: a read from a terminal cannot be called off, and the process ends
			password, err := term.ReadPassword(fd)
			read <- answer{password, err}
		}()
		select {
		case <-ctx.Done():
			_ = term.Restore(fd, before) // it is about to end
			return "", ctx.Err()
		case r := <-read:
			return string(r.password), r.err
		}
	}
}
