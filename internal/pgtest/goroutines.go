package pgtest

import (
	"runtime"
	"strings"
	"time"
)

// WatchGoroutines returns a function that fails tb where goroutines have come since and do not end within some seconds. It is for
// tests that are not parallel.
func WatchGoroutines(tb TB) (check func()) {
	before := goroutines()
	return func() {
		tb.Helper()
		var left []string
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
			left = nil
			for id, stack := range goroutines() {
				if before[id] == "" {
					left = append(left, stack)
				}
			}
			if len(left) == 0 {
				return
			}
		}
		tb.Fatalf("%d goroutines are left:\n%s", len(left), strings.Join(left, "\n\n"))
	}
}

// goroutines are the stacks of all, by the first lines' "goroutine 7".
func goroutines() map[string]string {
	text := make([]byte, 1<<20)
	for {
		n := runtime.Stack(text, true)
		if n < len(text) {
			text = text[:n]
			break
		}
		text = make([]byte, 2*len(text))
	}
	stacks := map[string]string{}
	for stack := range strings.SplitSeq(string(text), "\n\n") {
		id, _, _ := strings.Cut(stack, " [")
		stacks[id] = stack
	}
	return stacks
}
