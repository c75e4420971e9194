package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
)

// asProgram has the test's own program run as gapless, which it then is.
const asProgram = "GAPLESS_TEST_AS_PROGRAM"

// process is a run of the program, or of another one, with these variables, and no other but HOME.
func process(t *testing.T, program, home string, variables []string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append([]string{asProgram + "=1", "HOME=" + home, "LC_ALL=C"}, variables...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		_, ended := errors.AsType[*exec.ExitError](err)
		require.True(t, ended, err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// passworded is a server that asks role "clerk" for its password, which is "sec ret", and nobody else.
func passworded(t *testing.T) (*pgtest.OwnServer, *pgtest.Database) {
	t.Helper()
	folder, err := os.MkdirTemp("", "gapless-hba-") //nolint:usetesting // that of TempDir is closed to the server's user
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	require.NoError(t, os.Chmod(folder, 0o755))
	rules := filepath.Join(folder, "hba")
	require.NoError(t, os.WriteFile(rules, []byte("local all clerk scram-sha-256\nlocal all all trust\nlocal replication all trust\n"), 0o644))
	server := pgtest.NewServer(t, pgtest.WithSettings(map[string]string{"hba_file": rules, "fsync": "off"}))
	if !server.CanHaveStandby() {
		t.Skip("the rules are a file of this machine's, which a container does not see")
	}
	d, err := server.CreateDatabase(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, pgtest.Install(t.Context(), d.URL))
	statements(t, d, "CREATE ROLE clerk LOGIN PASSWORD 'sec ret'", "SELECT gapless.grant_gapless('clerk')", "SELECT gapless.next_gapless('here')")
	return server, d
}

func file(t *testing.T, folder, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(folder, name)
	require.NoError(t, os.WriteFile(path, []byte(text), mode))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

// TestTheDatabaseIsGivenAsToPsql gives the same to psql, too.
func TestTheDatabaseIsGivenAsToPsql(t *testing.T) {
	t.Parallel()
	server, d := passworded(t)
	at, err := pgx.ParseConfig(d.URL)
	require.NoError(t, err)
	port := strconv.Itoa(int(at.Port))
	host, proxied, err := net.SplitHostPort(parsedHost(t, pgproxy.New(t, d.URL).URL()))
	require.NoError(t, err)

	folder, other, empty := t.TempDir(), t.TempDir(), t.TempDir()
	settings := fmt.Sprintf("host=%s\nport=%s\nuser=%s\ndbname=%s\n", at.Host, port, at.User, d.Name)
	service := file(t, other, "pg_service.conf", "[billing]\n"+settings, 0o644)
	file(t, folder, ".pg_service.conf", "# mine\n[mine]\n"+settings+"[clerk]\n"+strings.Replace(settings, "user="+at.User, "user=clerk", 1), 0o600)
	password := strings.Join([]string{at.Host, port, d.Name, "clerk", "sec ret"}, ":")
	passfile := file(t, other, "passwords", password+"\n", 0o600)
	withPassword := t.TempDir()
	file(t, withPassword, ".pgpass", "#\n*:*:*:nobody:x\n"+password+"\n", 0o600)
	text := fmt.Sprintf("host=%s port=%s user=%s dbname=%s", at.Host, port, at.User, d.Name)
	variables := []string{"PGHOST=" + at.Host, "PGPORT=" + port, "PGUSER=" + at.User}
	ofClerk := []string{"PGHOST=" + at.Host, "PGPORT=" + port, "PGUSER=clerk", "PGDATABASE=" + d.Name}

	for what, c := range map[string]struct {
		home      string
		variables []string
		args      []string
	}{
		"a URL":                          {args: []string{"-d", d.URL}},
		"a URL with parameters":          {args: []string{"-d", d.URL + "&keepalives=1&keepalives_idle=5&gssencmode=prefer&sslcompression=0&fallback_application_name=x&client_encoding=auto"}},
		"pairs":                          {args: []string{"--dbname", text}},
		"pairs with quotes":              {args: []string{"-d", fmt.Sprintf("host = '%s' port='%s' user=%s dbname='%s' options='-c search_path=pg_catalog -c work_mem=1MB'", at.Host, port, at.User, d.Name)}},
		"a name":                         {args: []string{"-d", d.Name}, variables: variables},
		"variables":                      {variables: append(variables, "PGDATABASE="+d.Name)},
		"variables and a URL":            {variables: variables, args: []string{"-d", "postgres:///" + d.Name}},
		"a URL above variables":          {variables: []string{"PGHOST=/nowhere", "PGPORT=1", "PGUSER=nobody", "PGDATABASE=nothing"}, args: []string{"-d", d.URL}},
		"flags":                          {args: []string{"--host", at.Host, "-p", port, "-U", at.User, "-d", d.Name}},
		"long flags":                     {args: []string{"--host=" + at.Host, "--port=" + port, "--username=" + at.User, "--dbname=" + d.Name}},
		"flags above variables":          {variables: []string{"PGHOST=/nowhere", "PGPORT=1", "PGUSER=nobody", "PGDATABASE=" + d.Name}, args: []string{"--host", at.Host, "-p", port, "-U", at.User}},
		"a service":                      {args: []string{"-d", "service=billing"}, variables: []string{"PGSERVICEFILE=" + service}},
		"a URL of a service":             {args: []string{"-d", "postgres://?service=billing"}, variables: []string{"PGSERVICEFILE=" + service}},
		"a service of the user's":        {variables: []string{"PGSERVICE=mine"}, home: folder},
		"a service of the system's":      {variables: []string{"PGSERVICE=billing", "PGSYSCONFDIR=" + other}, home: folder},
		"a service of the system's only": {variables: []string{"PGSYSCONFDIR=" + other}, home: empty, args: []string{"-d", "service=billing"}},
		"flags above a service":          {variables: []string{"PGSERVICE=clerk"}, home: folder, args: []string{"-U", at.User}},
		"two hosts":                      {args: []string{"-d", fmt.Sprintf("host=/nowhere,%s port=%s user=%s dbname=%s", at.Host, port, at.User, d.Name)}},
		"two hosts in variables":         {variables: []string{"PGHOST=127.0.0.1," + at.Host, "PGPORT=1," + port, "PGUSER=" + at.User, "PGDATABASE=" + d.Name}},
		"two hosts in a URL":             {args: []string{"-d", fmt.Sprintf("postgres://%s@127.0.0.1:1,%s:%s/%s?target_session_attrs=read-write", at.User, host, proxied, d.Name)}},
		"an address":                     {args: []string{"-d", fmt.Sprintf("hostaddr=%s port=%s user=%s dbname=%s", host, proxied, at.User, d.Name)}},
		"an address and a name":          {args: []string{"-d", fmt.Sprintf("host=nosuch.invalid hostaddr=%s port=%s user=%s dbname=%s", host, proxied, at.User, d.Name)}},
		"an address in variables":        {variables: []string{"PGHOST=nosuch.invalid", "PGHOSTADDR=" + host, "PGPORT=" + proxied, "PGUSER=" + at.User, "PGDATABASE=" + d.Name}},
		"two addresses":                  {args: []string{"-d", fmt.Sprintf("host=a.invalid,b.invalid hostaddr=%s,%s port=1,%s user=%s dbname=%s", host, host, proxied, at.User, d.Name)}},
		"a password":                     {variables: append(ofClerk, "PGPASSWORD=sec ret")},
		"a password in a URL":            {args: []string{"-d", fmt.Sprintf("postgres://clerk:sec%%20ret@/%s?host=%s&port=%s", d.Name, at.Host, port)}},
		"a password file":                {variables: append(ofClerk, "PGPASSFILE="+passfile)},
		"a password file of the user's":  {variables: ofClerk, home: withPassword},
		"a password file by name":        {args: []string{"-d", strings.Replace(text, "user="+at.User, "user=clerk", 1) + " passfile=" + passfile}},
		"options":                        {args: []string{"-d", d.URL}, variables: []string{"PGOPTIONS=-c statement_timeout=5min", "PGAPPNAME=x", "PGCONNECT_TIMEOUT=30", "PGTZ=UTC", "PGSSLMODE=disable"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if c.home == "" {
				c.home = empty
			}
			psql := process(t, filepath.Join(server.Programs(), "psql"), c.home, c.variables, append(c.args, "--no-psqlrc", "-Atc", "SELECT gapless.last_gapless('here')")...)
			require.Equal(t, prints("1\n"), psql)
			require.Equal(t, prints("1\n"), process(t, os.Args[0], c.home, c.variables, append(c.args, "last", "here")...))
		})
	}

	t.Run("in its own variable", func(t *testing.T) {
		t.Parallel()
		for _, given := range []string{d.URL, text, d.Name} {
			require.Equal(t, prints("1\n"), process(t, os.Args[0], empty, append(variables, urlVariable+"="+given), "last", "here"))
		}
		typed := []string{urlVariable + "=postgres://nobody@127.0.0.1:1/" + d.Name}
		require.Equal(t, prints("1\n"), process(t, os.Args[0], empty, typed, "last", "here", "--host", at.Host, "-p", port, "-U", at.User))
		require.Equal(t, prints("1\n"), process(t, os.Args[0], empty, []string{urlVariable + "=postgres://127.0.0.1:1/"}, "last", "here", "-d", d.URL))
	})
	t.Run("a password file that others can read", func(t *testing.T) {
		t.Parallel()
		open := file(t, t.TempDir(), "passwords", password+"\n", 0o640)
		args := slices.Concat(ofClerk, []string{"PGPASSFILE=" + open})
		require.Equal(t, 2, process(t, filepath.Join(server.Programs(), "psql"), empty, args, "--no-psqlrc", "-w", "-c", "SELECT 1").code)
		o := process(t, os.Args[0], empty, args, "last", "here")
		require.Equal(t, exitFailure, o.code)
		require.Contains(t, o.stderr, "warning: password file "+open+" is not used, since others can read it")
		require.Contains(t, o.stderr, "password authentication failed")
		require.NotContains(t, o.stderr, "sec ret")
	})
	t.Run("a password that is asked for", func(t *testing.T) {
		t.Parallel()
		var stdout, stderr bytes.Buffer
		asked := 0
		a := &app{
			stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, terminal: isTerminal, getenv: func(string) string { return "" },
			askPassword: func(_ context.Context, role string) (string, error) {
				asked++
				require.Equal(t, "clerk", role)
				return "sec ret", nil
			},
		}
		require.Zero(t, a.run(t.Context(), []string{"-d", strings.Replace(text, "user="+at.User, "user=clerk", 1), "last", "here"}), stderr.String())
		require.Equal(t, "1\n", stdout.String())
		require.Equal(t, 1, asked)
	})
}

// parsedHost is the address that a URL has.
func parsedHost(t *testing.T, address string) string {
	t.Helper()
	config, err := pgx.ParseConfig(address)
	require.NoError(t, err)
	return net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
}

// TestWhatCannotBeDoneOfAConnectionIsRefused is about what protects a connection, or would lead elsewhere.
func TestWhatCannotBeDoneOfAConnectionIsRefused(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	services := file(t, t.TempDir(), "pg_service.conf", "[bad]\nport=x\n", 0o600)
	for _, c := range []struct {
		args, variables []string
		want            string
	}{
		{[]string{"-d", "host=h requirepeer=postgres"}, nil, "gapless cannot do what requirepeer (PGREQUIREPEER) asks of the connection"},
		{[]string{"-d", "postgres://h/db?sslcrl=x"}, nil, "gapless cannot do what sslcrl (PGSSLCRL) asks"},
		{[]string{"-d", "db"}, []string{"PGSSLCRLDIR=x"}, "gapless cannot do what sslcrldir (PGSSLCRLDIR) asks"},
		{[]string{"-d", "db"}, []string{"PGGSSENCMODE=require"}, "gapless cannot encrypt by GSSAPI"},
		{[]string{"-d", "host=h ssl_min_protocol_version=TLSv9"}, nil, `ssl_min_protocol_version cannot be "TLSv9"`},
		{[]string{"-d", "host=a,b hostaddr=127.0.0.1"}, nil, "hostaddr has 1 addresses, and there are 2 hosts"},
		{[]string{"-d", "service=nosuch"}, []string{"PGSYSCONFDIR=/nowhere"}, `gapless: service "nosuch" is in none of the files that were read: ` +
			home + "/.pg_service.conf (not there), /nowhere/pg_service.conf (not there)\n"},
		{nil, []string{"PGSERVICE=nope", "PGSERVICEFILE=" + services, "PGSYSCONFDIR=/nowhere"}, `gapless: service "nope" is in none of the files that were read: ` +
			services + ", /nowhere/pg_service.conf (not there)\n"},
		{[]string{"-d", "postgres:///?service=nope&servicefile=" + services}, nil, `service "nope" is in none of the files that were read: ` + services + "\n"},
		{nil, []string{"PGSERVICE=bad", "PGSYSCONFDIR=" + filepath.Dir(services)}, "invalid port"},
		{[]string{"-d", "db"}, []string{"PGTARGETSESSIONATTRS=nonsense"}, "the database URL is not one"},
		{[]string{"-d", "db", "-p", "port"}, nil, "the database URL is not one"},
		{[]string{"-d", "mysql://u:secret@h/db"}, nil, "the database URL is not one: it does not begin with postgres://"},
		{[]string{"-d", "u:secret@h/db"}, nil, "the database URL is not one: it does not begin with postgres://"},
		{nil, []string{"PGPASSWORD=secret", "PGSSLMODE=require"}, "no database is given"},
	} {
		o := process(t, os.Args[0], home, c.variables, append(c.args, "last", "here")...)
		require.Equal(t, exitUsage, o.code, "%v: %s", c, o.stderr)
		require.Contains(t, o.stderr, c.want)
		require.NotContains(t, o.stderr, "secret")
	}
}
