package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/modules/postgres"
)

const (
	imageVariable = "GAPLESS_TEST_IMAGE"
	defaultImage  = "postgres:18"
)

// quiet silences testcontainers, which logs every step to stderr.
var quiet = sync.OnceFunc(func() { log.SetDefault(log.NewNoopLogger()) })

// dockerAnswers asks whether there is an engine.
func dockerAnswers(ctx context.Context) error {
	quiet()
	engine, err := testcontainers.ProviderDocker.GetProvider()
	if err != nil {
		return err
	}
	return errors.Join(engine.Health(ctx), engine.Close())
}

// startDocker runs a container, and pulls its image first if need be.
func startDocker(ctx context.Context, c config) (*Server, error) {
	if err := c.host.docker(ctx); err != nil {
		return nil, fmt.Errorf("no Docker engine answers; start it: %w", err)
	}
	image := c.host.getenv(imageVariable)
	if image == "" {
		image = defaultImage
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Minute, fmt.Errorf("%s was not up within 5 minutes", image))
	defer cancel()

	options := []testcontainers.ContainerCustomizer{
		testcontainers.WithCmd(append([]string{"postgres"}, arguments(c.settings)...)...),
		postgres.WithPassword(rand.Text()), // the port is open to the network
	}
	// Run does not wait for the server: the official image's log lines, which the module's own strategy counts, are not
	// every image's.
	run := postgres.Run
	if c.own {
		run = runWithOwnPort
	}
	container, err := run(ctx, image, options...)
	stop := func() error {
		if container == nil {
			return nil
		}
		return testcontainers.TerminateContainer(container, testcontainers.StopTimeout(0)) // its volumes go with it
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot run %s (%s chooses another image): %w", image, imageVariable, err), stop())
	}
	alive := func(ctx context.Context) error { return containerAlive(ctx, container) }
	address, version, err := readyContainer(ctx, container, alive)
	if err != nil {
		err = fmt.Errorf("%s: %w", image, err)
		if ctx.Err() != nil { // the container runs, and the server in it does not answer
			err = fmt.Errorf("%w. %s", err, endOfLog(context.WithoutCancel(ctx), container))
		}
		return nil, errors.Join(err, stop())
	}
	s := newServer(fmt.Sprintf("PostgreSQL %s in Docker (%s)", version, image), address, stop)
	s.power = containerPower{container}
	return s, nil
}

// readyContainer blocks until the server in the container answers, and returns its address and version.
//
// In a container testcontainers takes the gateway for the engine's host. That is right where the engine's socket was
// mounted into ours, and wrong where an engine of its own runs in it (common on CI): there it is localhost.
func readyContainer(ctx context.Context, container *postgres.PostgresContainer, alive func(context.Context) error) (address, version string, err error) {
	address, err = container.ConnectionString(ctx, "sslmode=disable")
	if err != nil {
		return "", "", errors.Join(alive(ctx), err)
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", "", errors.New("testcontainers' connection string cannot be parsed") // err would show the password
	}
	local := *u
	local.Host = net.JoinHostPort("localhost", u.Port())
	if os.Getenv("TESTCONTAINERS_HOST_OVERRIDE") == "" && !accepts(ctx, u.Host) && accepts(ctx, local.Host) {
		address = local.String()
	}
	version, err = ready(ctx, address, alive)
	return address, version, err
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

// containerAlive says why the server can no longer come up, if so.
func containerAlive(ctx context.Context, container testcontainers.Container) error {
	state, err := container.State(ctx)
	if err != nil {
		return fmt.Errorf("cannot inspect the container: %w", err)
	}
	if state.Running {
		return nil
	}
	return fmt.Errorf("the container ended with status %d. %s", state.ExitCode, endOfLog(ctx, container))
}

// endOfLog is for an error's text.
func endOfLog(ctx context.Context, container testcontainers.Container) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	logs, err := container.Logs(ctx)
	if err != nil {
		return fmt.Sprintf("Its log cannot be read: %v", err)
	}
	defer logs.Close()
	text, _ := io.ReadAll(logs) // whatever there is helps
	return fmt.Sprintf("The end of its log:\n%s", text[max(0, len(text)-4000):])
}
