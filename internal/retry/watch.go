package retry

import (
	"context"
	"time"
)

// Kind is one of those of gapless.Event, which documents them.
type Kind string

// The kinds.
const (
	Began    Kind = "begin"
	Waited   Kind = "wait"
	Worked   Kind = "work"
	Sent     Kind = "commit"
	Flushed  Kind = "flush"
	Resolved Kind = "resolve"
	Retried  Kind = "retry"
	Done     Kind = "end"
)

// Event is a gapless.Event.
type Event struct {
	Kind     Kind
	Sequence string
	Attempt  int
	Start    time.Time
	Duration time.Duration
	Err      error
}

// Watch tells the observers of a call what happens in it. The nil one does nothing: where nobody asked, no clock is read.
type Watch struct {
	ctx       context.Context
	observers []func(ctx context.Context, event Event)
	made      int
}

func (o Options) watch(ctx context.Context) *Watch {
	if len(o.Observers) == 0 {
		return nil
	}
	return &Watch{ctx: ctx, observers: o.Observers}
}

// attempt is the same in the attempt of that number.
func (w *Watch) attempt(made int) *Watch {
	if w == nil {
		return nil
	}
	another := *w
	another.made = made
	return &another
}

// Leave is called where there is nothing to tell of what follows.
func (w *Watch) Leave() {
	if w != nil {
		w.observers = nil
	}
}

// Now is when something begins.
func (w *Watch) Now() (now time.Time) {
	if w == nil {
		return now
	}
	return time.Now()
}

// Tell tells that something ended that began then.
func (w *Watch) Tell(kind Kind, began time.Time, err error) { w.TellOf("", kind, began, err) }

// TellOf is Tell of a sequence.
func (w *Watch) TellOf(sequence string, kind Kind, began time.Time, err error) {
	if w == nil {
		return
	}
	w.tell(Event{Kind: kind, Sequence: sequence, Start: began, Duration: time.Since(began), Err: err})
}

// willWait tells that the next attempt is made after a wait, which it returns.
func (w *Watch) willWait(wait time.Duration, err error) time.Duration {
	if w != nil {
		w.tell(Event{Kind: Retried, Start: time.Now(), Duration: wait, Err: err})
	}
	return wait
}

func (w *Watch) tell(event Event) {
	event.Attempt = w.made
	for _, observe := range w.observers {
		observe(w.ctx, event)
	}
}
