package histories_test

// The second stack: client.py, with a driver and a client library that share nothing with pgx.

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// requirePython is the variable that makes the second stack's absence an error.
const requirePython = "GAPLESS_REQUIRE_PYTHON"

// findPython is a python3 that has psycopg2, or "". Debian's packages are for Debian's python3, which need not be the first in PATH.
var findPython = sync.OnceValue(func() string {
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import psycopg2").Run() == nil {
			return python
		}
	}
	return ""
})

// python is a process of client.py.
type python struct {
	process *exec.Cmd
	in      *json.Encoder
	out     *json.Decoder
}

// newPython starts one; nil where there is no psycopg2.
func newPython(t *testing.T, url string) *python {
	t.Helper()
	program := findPython()
	if program == "" {
		const missing = "there is no python3 with psycopg2 here: examples/install python, or pip install psycopg2-binary"
		require.Empty(t, os.Getenv(requirePython), missing)
		t.Log(missing)
		return nil
	}
	process := exec.Command(program, "client.py", url)
	process.Stderr = os.Stderr
	in, err := process.StdinPipe()
	require.NoError(t, err)
	out, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		in.Close()
		if err := process.Wait(); err != nil && !t.Failed() {
			t.Errorf("client.py: %v", err)
		}
	})
	return &python{process: process, in: json.NewEncoder(in), out: json.NewDecoder(out)}
}

func (c *python) run(ctx context.Context, p plan, r *record) error {
	stop := context.AfterFunc(ctx, func() { _ = c.process.Process.Kill() }) // it fails if it has ended
	defer stop()
	type pythonStep struct {
		Kind    kind   `json:"kind"`
		Name    string `json:"name"`
		Column  column `json:"column"`
		Initial int64  `json:"initial"`
		Reset   *int64 `json:"reset"`
		Size    int    `json:"size"`
		Target  int64  `json:"target"`
		Nowait  bool   `json:"nowait"`
		Undone  bool   `json:"undone"`
		First   bool   `json:"first"`
		Last    bool   `json:"last"`
	}
	steps := make([]pythonStep, len(p.steps))
	for i, s := range p.steps {
		steps[i] = pythonStep{s.kind, s.series.name, s.series.column, s.series.initial, nil, s.size, s.target, s.nowait, s.undone, p.first(i), p.last(i)}
		if s.series.reset != 0 {
			steps[i].Reset = &s.series.reset
		}
	}
	err := c.in.Encode(map[string]any{"key": p.key, "isolation": p.isolation, "steps": steps, "ending": p.ending})
	for err == nil {
		var got struct {
			Values  []int64
			OK      bool
			Outcome outcome
			Code    string
			Error   string
		}
		if err = c.out.Decode(&got); err != nil {
			break
		}
		if got.Outcome == "" {
			r.saw(result{step: p.steps[len(r.taken)], values: got.Values, ok: got.OK})
			continue
		}
		r.outcome = got.Outcome
		refused := got.Code == "55000" && len(r.taken) > 0 && !r.taken[len(r.taken)-1].ok
		switch {
		case got.Error == "" || refused || expectedCodes[got.Code]:
			return nil
		case got.Code == "" || strings.HasPrefix(got.Code, "57P"):
			return fmt.Errorf("client.py: %w: %s", errOutage, got.Error)
		}
		return fmt.Errorf("client.py: %s: %s", got.Code, got.Error)
	}
	return fmt.Errorf("client.py: %w", err)
}
