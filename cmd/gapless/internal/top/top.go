// Package top shows live which series move, who holds them and who waits: on a terminal that one works at by keyboard, or as
// plain lines.
package top

import (
	"context"
	"errors"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/jackc/pgx/v5"
)

// Options say what is shown, and where.
type Options struct {
	Connect  func(context.Context) (*pgx.Conn, error)
	Explain  func(error) string // in one line
	Interval time.Duration
	ReadOnly bool // nobody is terminated

	In       io.Reader // a terminal
	Out, Err io.Writer
	Environ  []string // of the terminal
	Plain    bool     // it has no colours
	Count    int      // of intervals, by [Watch]; 0 is all
	JSON     bool
}

// Run works at a terminal until it is left, or ctx ends.
func Run(ctx context.Context, o Options) error {
	m := newModel(ctx, o)
	defer m.watch.close()
	defer m.aside.close()
	first := m.read()()
	if f, ok := first.(sampled); ok && f.err != nil {
		return f.err
	}
	m.first = first
	options := []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithInput(o.In), tea.WithOutput(o.Out), tea.WithEnvironment(o.Environ), tea.WithoutSignalHandler(),
	}
	if o.Plain {
		options = append(options, tea.WithColorProfile(colorprofile.ASCII))
	}
	_, err := tea.NewProgram(m, options...).Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
