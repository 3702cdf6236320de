//go:build linux

package thread

import (
	"reflect"
	"slices"
)

// A Thread can be waited for, as package wait has it: until it has ended, and what it
// owned has been abandoned.

// Ready says whether that is so.
func (t *Thread) Ready() (bool, error) { return !t.Alive(), nil }

// Take takes nothing: all who wait see the end.
func (t *Thread) Take() (bool, error) { return t.Ready() }

// Watch has poke called when the thread has ended.
func (t *Thread) Watch(poke func()) (unwatch func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return func() {} // Ready waits for what is left to do
	}
	t.waits = append(t.waits, &poke)
	t.watch()
	return func() { t.ignore(&poke) }
}

func (t *Thread) ignore(poke *func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.waits, poke); i >= 0 && !t.over {
		t.waits = slices.Delete(t.waits, i, i+1)
		t.rest()
	}
}

// Lasting says yes: what has ended stays so.
func (t *Thread) Lasting() bool { return true }

// Channel is none.
func (t *Thread) Channel() reflect.Value { return reflect.Value{} }

// Received is never called.
func (t *Thread) Received(reflect.Value, bool) {}
