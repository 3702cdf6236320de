//go:build linux

package kernel32

import (
	"atoll/internal/access"
	"atoll/internal/onlinux"
)

type semaphore struct {
	kernelObject
	semaphore *onlinux.Semaphore
}

func semaphoreOf(s *onlinux.Semaphore) semaphore { return semaphore{kernelObject{s}, s} }

// CreateSemaphore creates or opens a semaphore.
func CreateSemaphore(a *Attributes, name string, initial, limit int32, asked access.Mask) (Handle, error) {
	s, created, err := onlinux.OpenSemaphore(createName(name), onlinux.CreateOrOpen, exactly(asked, a), initial, limit)
	if err != nil {
		return 0, err
	}
	return admit(semaphoreOf(s), s, created, a.flags())
}

// OpenSemaphore opens a semaphore.
func OpenSemaphore(asked access.Mask, inherit bool, name string) (Handle, error) {
	name, err := openName(name)
	if err != nil {
		return 0, err
	}
	s, _, err := onlinux.OpenSemaphore(name, onlinux.MustOpen, exactly(asked, nil), 0, 1)
	if err != nil {
		return 0, err
	}
	return admit(semaphoreOf(s), s, true, inheriting(inherit))
}

// ReleaseSemaphore adds to the count, and says what it was.
func ReleaseSemaphore(h Handle, n int32) (previous int32, err error) {
	o, e, err := use[semaphore](h, access.Modify)
	if err != nil {
		return 0, err
	}
	defer e.leave()
	if o.semaphore.Publish(); n == 1 {
		if previous, ok := o.semaphore.QuickRelease(); ok {
			return previous, nil
		}
	}
	return o.semaphore.Release(n)
}

func (o semaphore) signaler() (onlinux.Signaler, access.Mask, error) { //nolint:unparam // as all signalables
	return o.semaphore, access.Modify, nil
}

func (o semaphore) try() (result uint32, err error) {
	if o.semaphore.QuickTake() {
		return 0, nil
	}
	return tryWait(o.semaphore)
}
