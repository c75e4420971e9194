//go:build unix

package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pggapless/gapless/sql"
)

// startPrograms makes a throwaway cluster with PostgreSQL's own programs.
func startPrograms(ctx context.Context, c config) (*Server, error) {
	bin, err := findPrograms(c.host)
	if err != nil {
		return nil, err
	}
	s, err := startCluster(ctx, c, bin)
	if err != nil && c.host.getenv(binVariable) != "" {
		err = askedError{err}
	}
	return s, err
}

func startCluster(ctx context.Context, c config, bin string) (*Server, error) {
	if extension, err := asExtension(); err != nil {
		return nil, err
	} else if extension && c.extension == nil {
		if c.extension, err = sql.Extension(); err != nil {
			return nil, err
		}
	}
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := clusterFolder(c.host.tempDir(), as)
	if err != nil {
		return nil, err
	}
	g, err := startGuard(as, c, bin, dir, arguments(map[string]string{
		"listen_addresses":        "",
		"port":                    "5432", // the socket's name; PGPORT would change it otherwise
		"unix_socket_directories": dir,
	}, c.settings))
	if err != nil {
		return nil, err
	}

	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("PostgreSQL did not start within a minute"))
	defer cancel()
	address := (&url.URL{
		Scheme: "postgres", User: url.User("postgres"), Path: "/postgres",
		RawQuery: url.Values{"host": {dir}, "port": {"5432"}, "sslmode": {"disable"}}.Encode(),
	}).String()
	if c.own {
		err = g.on(ctx)
	}
	var version string
	if err == nil {
		version, err = ready(ctx, address, g.alive)
	}
	if err != nil {
		if failed := g.stop(); !errors.Is(err, failed) {
			err = errors.Join(err, failed)
		}
		return nil, err
	}
	s := newServer(fmt.Sprintf("PostgreSQL %s started from %s", version, bin), address, g.stop)
	s.power, s.bin = g, bin
	return s, nil
}

// unprivileged is the user to run the programs as: ourselves (nil) unless we are root, which initdb refuses.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("initdb refuses to run as root, and there is no user postgres or nobody: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// clusterFolder is the name of a folder that does not exist yet, where that user can make it and a socket can be: a
// socket's path is at most 107 bytes long (103 on macOS), and PostgreSQL reads the setting as a list.
func clusterFolder(temp string, as *syscall.Credential) (string, error) {
	for _, parent := range []string{temp, "/tmp"} {
		dir := filepath.Join(parent, "gapless-pg-"+rand.Text()[:12])
		if len(dir)+len("/.s.PGSQL.5432") > 103 || strings.ContainsAny(dir, `,"' `) || !filepath.IsAbs(dir) {
			continue
		}
		check := exec.Command("/bin/sh", "-c", `[ -d "$1" ] && [ -w "$1" ] && [ -x "$1" ]`, "sh", parent)
		check.Dir = "/"
		check.SysProcAttr = &syscall.SysProcAttr{Credential: as}
		if err := check.Run(); err == nil {
			return dir, nil
		} else if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			return "", fmt.Errorf("cannot run a program as an unprivileged user: %w", err)
		}
	}
	return "", fmt.Errorf("the user that runs PostgreSQL cannot write to %s or /tmp; set TMPDIR to a folder where it can", temp)
}
