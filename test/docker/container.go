package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/modules/postgres"
)

// server is PostgreSQL in a container, where it is the first process, as it is in the official image.
type server struct{ *postgres.PostgresContainer }

// run runs a container, and pulls its image first if need be. With ownPort it has the same port whenever it is started.
func run(ctx context.Context, image string, ownPort bool, arguments []string) (server, error) {
	log.SetDefault(log.NewNoopLogger()) // which would print every step
	if err := answers(ctx); err != nil {
		return server{}, fmt.Errorf("no Docker engine answers; start it: %w", err)
	}
	start := postgres.Run
	if ownPort {
		start = runWithOwnPort
	}
	// Run does not wait for the server: the official image's log lines, which the module's own strategy counts, are not
	// every image's.
	c, err := start(ctx, image,
		testcontainers.WithCmd(append([]string{"postgres"}, arguments...)...),
		postgres.WithPassword(rand.Text())) // the port is open to the network
	s := server{c}
	if err != nil {
		return server{}, errors.Join(fmt.Errorf("cannot run %s (GAPLESS_TEST_IMAGE chooses another image): %w", image, err), s.remove())
	}
	return s, nil
}

func answers(ctx context.Context) error {
	engine, err := testcontainers.ProviderDocker.GetProvider()
	if err != nil {
		return err
	}
	return errors.Join(engine.Health(ctx), engine.Close())
}

// runWithOwnPort is [postgres.Run] with a port of the host that the container has again when it is started again; one
// that the engine chooses would change. The port is below those that outgoing connections get.
func runWithOwnPort(ctx context.Context, image string, opts ...testcontainers.ContainerCustomizer) (*postgres.PostgresContainer, error) {
	for attempt := 1; ; attempt++ {
		port := strconv.Itoa(20000 + mathrand.IntN(10000))
		c, err := postgres.Run(ctx, image, append(opts, testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
			h.PortBindings = network.PortMap{network.MustParsePort("5432/tcp"): {{HostPort: port}}}
		}))...)
		if err == nil || attempt == 5 ||
			!strings.Contains(err.Error(), "port is already allocated") && !strings.Contains(err.Error(), "address already in use") {
			return c, err
		}
		if err := (server{c}).remove(); err != nil {
			return nil, err
		}
	}
}

func (s server) remove() error {
	if s.PostgresContainer == nil {
		return nil
	}
	return testcontainers.TerminateContainer(s, testcontainers.StopTimeout(0)) // its volumes go with it
}

// address is a connection string.
//
// In a container testcontainers takes the gateway for the engine's host. That is right where the engine's socket was
// mounted into ours, and wrong where an engine of its own runs in it (common on CI): there it is localhost.
func (s server) address(ctx context.Context) (string, error) {
	address, err := s.ConnectionString(ctx, "sslmode=disable")
	if err != nil {
		return "", errors.Join(s.alive(ctx), err)
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("testcontainers' connection string cannot be parsed") // err would show the password
	}
	local := *u
	local.Host = net.JoinHostPort("localhost", u.Port())
	if os.Getenv("TESTCONTAINERS_HOST_OVERRIDE") == "" && !accepts(ctx, u.Host) && accepts(ctx, local.Host) {
		return local.String(), nil
	}
	return address, nil
}

// accepts reports whether something listens. A container's port does as soon as the container runs, before the server.
func accepts(ctx context.Context, hostAndPort string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", hostAndPort)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// alive says why the server can no longer come up, if so.
func (s server) alive(ctx context.Context) error {
	state, err := s.State(ctx)
	if err != nil {
		return fmt.Errorf("cannot inspect the container: %w", err)
	}
	if state.Running {
		return nil
	}
	return fmt.Errorf("the container ended with status %d. %s", state.ExitCode, s.endOfLog(ctx))
}

// endOfLog is for an error's text.
func (s server) endOfLog(ctx context.Context) string {
	logs, err := s.Logs(ctx)
	if err != nil {
		return fmt.Sprintf("Its log cannot be read: %v", err)
	}
	defer logs.Close()
	text, _ := io.ReadAll(logs) // whatever there is helps
	return fmt.Sprintf("The end of its log:\n%s", text[max(0, len(text)-4000):])
}

// signal sends a signal to the first process, and blocks until the container has ended.
func (s server) signal(ctx context.Context, signal string) error {
	engine, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = engine.Close() }()
	if _, err := engine.ContainerKill(ctx, s.GetContainerID(), client.ContainerKillOptions{Signal: signal}); err != nil {
		return fmt.Errorf("cannot signal the container: %w", err)
	}
	for {
		state, err := s.State(ctx)
		if err != nil || !state.Running {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the container does not end: %w", context.Cause(ctx))
		case <-time.After(2 * time.Millisecond):
		}
	}
}
