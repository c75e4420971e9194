package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// progress shows how far a series is: a bar on a terminal, a line elsewhere. It can be used by several goroutines.
type progress struct {
	w           io.Writer
	bar         bool
	series      string
	mu          sync.Mutex // guards what follows
	done, total int
	drawn       time.Time
}

func newProgress(w io.Writer, bar bool, series string, invoices int) *progress {
	p := &progress{w: w, bar: bar, series: series, total: invoices}
	if !bar {
		fmt.Fprintf(w, "%-7s  %s invoices …\n", series, thousands(int64(invoices)))
	}
	return p
}

// add counts one invoice.
func (p *progress) add() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if p.bar && time.Since(p.drawn) >= 50*time.Millisecond {
		p.draw()
	}
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar {
		p.draw()
		fmt.Fprintln(p.w)
	}
}

func (p *progress) draw() {
	const width = 32
	full := width * min(p.done, p.total) / max(p.total, 1)
	fmt.Fprintf(p.w, "\r%-7s  %s%s  %s/%s", p.series, strings.Repeat("█", full), strings.Repeat("░", width-full),
		thousands(int64(p.done)), thousands(int64(p.total)))
	p.drawn = time.Now()
}
