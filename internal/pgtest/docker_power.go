package pgtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/modules/postgres"
)

// runWithOwnPort is [postgres.Run] with a port of the host that the container has again when it is started again; one
// that the engine chooses would change. The port is below those that outgoing connections get.
func runWithOwnPort(ctx context.Context, image string, opts ...testcontainers.ContainerCustomizer) (*postgres.PostgresContainer, error) {
	for attempt := 1; ; attempt++ {
		port := strconv.Itoa(20000 + rand.IntN(10000))
		c, err := postgres.Run(ctx, image, append(opts, testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
			h.PortBindings = network.PortMap{network.MustParsePort("5432/tcp"): {{HostPort: port}}}
		}))...)
		if err == nil || attempt == 5 ||
			!strings.Contains(err.Error(), "port is already allocated") && !strings.Contains(err.Error(), "address already in use") {
			return c, err
		}
		if c != nil {
			err = testcontainers.TerminateContainer(c, testcontainers.StopTimeout(0))
			if err != nil {
				return nil, err
			}
		}
	}
}

// containerPower relies on the server being the container's first process, as it is in the official image.
type containerPower struct{ testcontainers.Container }

func (c containerPower) on(ctx context.Context) error {
	if err := c.alive(ctx); err == nil {
		return errRuns
	}
	return c.Start(ctx)
}

func (c containerPower) alive(ctx context.Context) error { return containerAlive(ctx, c) }

// behead leaves nothing behind: with a container's first process all others end.
func (c containerPower) behead(ctx context.Context) error { return c.off(ctx, syscall.SIGKILL) }

func (c containerPower) off(ctx context.Context, sig syscall.Signal) error {
	engine, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = engine.Close() }()
	options := client.ContainerKillOptions{Signal: strconv.Itoa(int(sig))}
	if _, err := engine.ContainerKill(ctx, c.GetContainerID(), options); err != nil {
		return fmt.Errorf("cannot signal the container: %w", err)
	}
	err = poll(ctx, func() (bool, error) {
		state, err := c.State(ctx)
		return err == nil && !state.Running, err
	})
	if err != nil {
		return fmt.Errorf("the container does not end: %w", err)
	}
	return nil
}
