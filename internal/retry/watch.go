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
	Held     time.Duration
	Err      error
}

// Watch tells the observers of a call what happens in it. The nil one does nothing: where nobody asked, no clock is read.
type Watch struct {
	ctx       context.Context
	observers []func(ctx context.Context, event Event)
	made      int
	taken     time.Time // when the attempt got its first number
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
	another.made, another.taken = made, time.Time{}
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
	now := time.Now()
	event := Event{Kind: kind, Sequence: sequence, Start: began, Duration: now.Sub(began), Err: err}
	switch {
	case kind == Waited && err == nil && w.taken.IsZero():
		w.taken = now
	case (kind == Sent || kind == Worked && err != nil) && !w.taken.IsZero():
		event.Held, w.taken = now.Sub(w.taken), time.Time{}
	}
	w.tell(event)
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
