// Package nesting refuses what would wait for ever: a call in a function that InTx runs, for which no connection is left.
package nesting

import (
	"errors"
	"reflect"
	"runtime"
	"slices"
	"sync"
)

// Pool is whose connections they are that such functions have, and how many it can have. The zero value is none, of which nobody waits.
type Pool struct {
	ID   any // comparable
	Size func() int
}

// nesting is which connections the functions have that InTx runs, and who of them waits for another one of the same pool. When all
// connections of a pool are those of functions that wait, none would ever come.
var nesting = struct {
	sync.Mutex
	pools   []any       // by slot: whose connection a function has; nil is a free slot
	waiting map[any]int // how many connections those have who wait for another one
}{waiting: map[any]int{}}

// errNested is why a function of InTx is not let to wait for ever.
var errNested = errors.New("gapless: the function that InTx runs waits for another connection of its pool, which has none but those of functions " +
	"that wait likewise: give the pool more, or call it after InTx")

// Within runs fn, of which the stack says which connection it has.
func (p Pool) Within(fn func()) {
	if p.ID == nil {
		fn()
		return
	}
	nesting.Lock()
	slot := slices.Index(nesting.pools, nil)
	if slot < 0 {
		slot, nesting.pools = len(nesting.pools), append(nesting.pools, nil)
	}
	nesting.pools[slot] = p.ID
	nesting.Unlock()
	defer func() {
		nesting.Lock()
		defer nesting.Unlock()
		nesting.pools[slot] = nil
	}()
	slotBegins(slot, fn)
}

// The slot's number is in the stack, bit by bit, since Go tells nobody which goroutine runs.

//go:noinline
func slotBegins(slot int, fn func()) { slotBits(slot, fn) }

//go:noinline
func slotOne(slot int, fn func()) { slotBits(slot, fn) }

//go:noinline
func slotZero(slot int, fn func()) { slotBits(slot, fn) }

func slotBits(slot int, fn func()) {
	switch {
	case slot == 0:
		fn()
	case slot&1 == 1:
		slotOne(slot>>1, fn)
	default:
		slotZero(slot>>1, fn)
	}
}

// slots are those in the stack of the goroutine.
func slots() (found []int) {
	begins, one, zero := reflect.ValueOf(slotBegins).Pointer(), reflect.ValueOf(slotOne).Pointer(), reflect.ValueOf(slotZero).Pointer()
	var pcs [64]uintptr
	slot := 0
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			switch runtime.FuncForPC(pc - 1).Entry() {
			case one:
				slot = slot<<1 | 1
			case zero:
				slot <<= 1
			case begins:
				found, slot = append(found, slot), 0
			}
		}
		if n < len(pcs) {
			return found
		}
	}
}

// Held is how many connections of the pool the goroutine has, in functions that InTx runs.
func (p Pool) Held() (held int) {
	nesting.Lock()
	nobody := p.ID == nil || !slices.Contains(nesting.pools, p.ID)
	nesting.Unlock()
	if nobody {
		return 0
	}
	own := slots()
	nesting.Lock()
	defer nesting.Unlock()
	for _, slot := range own {
		if nesting.pools[slot] == p.ID {
			held++
		}
	}
	return held
}

// Wait is called before the goroutine waits for a connection of the pool, and what it returns after that; or an error if none can come.
func (p Pool) Wait() (ended func(), err error) {
	held := p.Held()
	if held == 0 {
		return func() {}, nil
	}
	nesting.Lock()
	defer nesting.Unlock()
	if nesting.waiting[p.ID]+held >= p.Size() {
		return nil, errNested
	}
	nesting.waiting[p.ID] += held
	return func() {
		nesting.Lock()
		defer nesting.Unlock()
		if nesting.waiting[p.ID] -= held; nesting.waiting[p.ID] == 0 {
			delete(nesting.waiting, p.ID)
		}
	}, nil
}
