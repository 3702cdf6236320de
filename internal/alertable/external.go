//go:build linux

package alertable

import (
	"math"
	"reflect"
	"time"

	"atoll/internal/onlinux"
)

// nothing is the part of a wait.External that there is nothing to say about.
type nothing struct{}

func (nothing) Watch(func()) (unwatch func()) { return func() {} }
func (nothing) Channel() reflect.Value        { return reflect.Value{} }
func (nothing) Received(reflect.Value, bool)  {}
func (nothing) Lasting() bool                 { return true }

// always is the signal of what is always signaled.
type always struct{ nothing }

func (always) Ready() (bool, error) { return true, nil }
func (always) Take() (bool, error)  { return true, nil }

// never is the signal of what is never signaled.
type never struct{ nothing }

// Watch sees to it that Go does not take a program for dead in which everybody sleeps.
func (never) Watch(func()) (unwatch func()) {
	end := time.AfterFunc(math.MaxInt64, func() {})
	return func() { end.Stop() }
}

func (never) Ready() (bool, error) { return false, nil }
func (never) Take() (bool, error)  { return false, nil }

// Always is an object that is always signaled.
func Always() onlinux.Waitable { return onlinux.ChannelWait{External: always{}} }

// Failing is an object whose wait fails.
func Failing(err error) onlinux.Waitable { return onlinux.ChannelWait{External: failing{err: err}} }

// failing is the signal of what cannot be waited for.
type failing struct {
	nothing
	err error
}

func (f failing) Ready() (bool, error) { return false, f.err }
func (f failing) Take() (bool, error)  { return false, f.err }
