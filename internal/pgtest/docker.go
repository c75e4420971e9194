package pgtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	imageVariable = "GAPLESS_TEST_IMAGE"
	defaultImage  = "postgres:18"
)

// dockerCommand runs a container for us; what it prints and reads is described there. In this repository's workspace it is
// found from every folder.
var dockerCommand = []string{"go", "run", "github.com/pggapless/gapless/test/docker"}

// startDocker runs a container, and pulls its image first if need be.
func startDocker(ctx context.Context, c config) (*Server, error) {
	image := c.host.getenv(imageVariable)
	if image == "" {
		image = defaultImage
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Minute, fmt.Errorf("%s was not up within 5 minutes", image))
	defer cancel()
	own := ""
	if c.own {
		own = "own"
	}
	d, err := runDocker(append(append(c.host.docker, image, own), arguments(c.settings)...))
	if err != nil {
		return nil, err
	}
	address, err := d.read(ctx)
	if err != nil {
		return nil, errors.Join(err, d.stop())
	}
	version, err := ready(ctx, address, d.alive)
	if err != nil {
		err = fmt.Errorf("%s: %w", image, err)
		if ctx.Err() != nil { // the container runs, and the server in it does not answer
			log, logErr := d.ask(context.WithoutCancel(ctx), "log")
			err = errors.Join(fmt.Errorf("%w. %s", err, log), logErr)
		}
		return nil, errors.Join(err, d.stop())
	}
	s := newServer(fmt.Sprintf("PostgreSQL %s in Docker (%s)", version, image), address, d.stop)
	s.power = d
	return s, nil
}

// dockerProcess is a run of dockerCommand, and the power of the server in its container.
type dockerProcess struct {
	asking  sync.Mutex // one question at a time
	stdin   io.WriteCloser
	answers chan string
	done    chan struct{} // closed when the process is gone
	err     error         // valid after done
}

func runDocker(command []string) (*dockerProcess, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.SysProcAttr = sessionOfItsOwn() // the terminal's Ctrl-C is not for it
	var problems strings.Builder
	cmd.Stderr = &problems
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	d := &dockerProcess{stdin: stdin, answers: make(chan string, 1), done: make(chan struct{})}
	go func() {
		defer close(d.done)
		for lines := bufio.NewReader(stdout); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				break
			}
			d.answers <- line
		}
		if err := cmd.Wait(); err != nil {
			d.err = fmt.Errorf("%s: %w: %s", strings.Join(command[:min(3, len(command))], " "), err, strings.TrimSpace(problems.String()))
		}
	}()
	return d, nil
}

// ask waits for the answer even if ctx ends, as long as the program takes at most: the next question would get it.
func (d *dockerProcess) ask(ctx context.Context, question string) (text string, err error) {
	d.asking.Lock()
	defer d.asking.Unlock()
	if _, err := io.WriteString(d.stdin, question+"\n"); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 90*time.Second)
	defer cancel()
	return d.read(ctx)
}

func (d *dockerProcess) read(ctx context.Context) (text string, err error) {
	var line string
	select {
	case line = <-d.answers:
	default:
		select {
		case line = <-d.answers:
		case <-d.done:
			return "", errors.Join(d.err, errors.New("the container's program has ended"))
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	var answer struct{ Text, Error string }
	if err := json.Unmarshal([]byte(line), &answer); err != nil {
		return "", fmt.Errorf("%w: %s", err, line)
	}
	if answer.Error != "" {
		return "", errors.New(answer.Error)
	}
	return answer.Text, nil
}

func (d *dockerProcess) on(ctx context.Context) error {
	if err := d.alive(ctx); err == nil {
		return errRuns
	}
	_, err := d.ask(ctx, "start")
	return err
}

func (d *dockerProcess) alive(ctx context.Context) error {
	_, err := d.ask(ctx, "alive")
	return err
}

func (d *dockerProcess) off(ctx context.Context, sig syscall.Signal) error {
	_, err := d.ask(ctx, "signal "+strconv.Itoa(int(sig)))
	return err
}

// behead leaves nothing behind: with a container's first process all others end.
func (d *dockerProcess) behead(ctx context.Context) error { return d.off(ctx, syscall.SIGKILL) }

func (d *dockerProcess) stop() error {
	d.stdin.Close()
	select {
	case <-d.done:
		return d.err
	case <-time.After(time.Minute):
		return errors.New("the container is not gone after a minute; look for it with docker ps")
	}
}
