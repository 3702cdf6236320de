//go:build linux

package kernel32

import (
	"atoll/internal/access"
	"atoll/internal/onlinux"
)

type event struct {
	kernelObject
	event *onlinux.Event
}

func eventOf(e *onlinux.Event) event { return event{kernelObject{e}, e} }

// CreateEvent creates or opens an event.
func CreateEvent(a *Attributes, name string, manual, signaled bool, asked access.Mask) (Handle, error) {
	e, created, err := onlinux.OpenEvent(createName(name), onlinux.CreateOrOpen, exactly(asked, a), manual, signaled)
	if err != nil {
		return 0, err
	}
	return admit(eventOf(e), e, created, a.flags())
}

// OpenEvent opens an event.
func OpenEvent(asked access.Mask, inherit bool, name string) (Handle, error) {
	name, err := openName(name)
	if err != nil {
		return 0, err
	}
	e, _, err := onlinux.OpenEvent(name, onlinux.MustOpen, exactly(asked, nil), false, false)
	if err != nil {
		return 0, err
	}
	return admit(eventOf(e), e, true, inheriting(inherit))
}

// SetEvent signals an event.
func SetEvent(h Handle) error {
	o, e, err := use[event](h, access.Modify)
	if err != nil {
		return err
	}
	defer e.leave()
	o.event.Publish()
	if o.event.QuickSet() {
		return nil
	}
	return o.event.Set()
}

// ResetEvent takes the signal away.
func ResetEvent(h Handle) error { return withEvent(h, (*onlinux.Event).Reset) }

// PulseEvent releases who waits now.
func PulseEvent(h Handle) error { return withEvent(h, (*onlinux.Event).Pulse) }

func withEvent(h Handle, do func(*onlinux.Event) error) error {
	o, e, err := use[event](h, access.Modify)
	if err != nil {
		return err
	}
	defer e.leave()
	return do(o.event)
}

func (o event) try() (result uint32, err error) {
	if o.event.QuickTake() || o.event.QuickSee() {
		return 0, nil
	}
	return tryWait(o.event)
}
