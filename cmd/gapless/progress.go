package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows how far a series is: a bar on a terminal, a line elsewhere.
type progress struct {
	bar *progressbar.ProgressBar
	w   io.Writer
}

func newProgress(w io.Writer, bar bool, series string, invoices int) progress {
	if !bar {
		fmt.Fprintf(w, "%-7s  %s invoices …\n", series, thousands(int64(invoices)))
		return progress{}
	}
	return progress{w: w, bar: progressbar.NewOptions(invoices,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(fmt.Sprintf("%-7s", series)),
		progressbar.OptionSetWidth(32),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "█", SaucerPadding: "░"}),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionThrottle(50*time.Millisecond),
	)}
}

// add counts one invoice. It can be called from several goroutines.
func (p progress) add() {
	if p.bar != nil {
		_ = p.bar.Add(1) // only a look at it is lost
	}
}

func (p progress) end() {
	if p.bar != nil {
		_ = p.bar.Exit() // only a look at it is lost
		fmt.Fprintln(p.w)
	}
}
