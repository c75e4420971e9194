package flush

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Apart calls fn in a goroutine of its own, and returns its error, or a [PanicError]: what others give us to call cannot end this one.
func Apart(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		var err error = &PanicError{}
		defer func() {
			if value := recover(); value != nil {
				err = &PanicError{value, debug.Stack()}
			}
			done <- err
		}()
		err = fn()
	}()
	return <-done
}

// PanicError is that somebody else's code panicked, or, without a value, ended its goroutine.
type PanicError struct {
	value any
	stack []byte
}

func (e *PanicError) Error() string {
	if e.value == nil {
		return "runtime.Goexit was called where a batch was sent"
	}
	return fmt.Sprintf("panic: %v\n%s", e.value, e.stack)
}

// GoOn does the same in the goroutine of whoever gave us that code.
func (e *PanicError) GoOn() {
	if e.value == nil {
		runtime.Goexit()
	}
	panic(e.value)
}
