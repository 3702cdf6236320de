//go:build linux

package kernel32

import (
	"atoll/internal/access"
	"atoll/internal/alertable"
	"atoll/internal/onlinux"
	threads "atoll/internal/thread"
)

// mutex belongs to the thread that has taken it, through whatever handle.
type mutex struct {
	kernelObject
	mutex *onlinux.Mutex
}

func mutexOf(m *onlinux.Mutex) mutex { return mutex{kernelObject{m}, m} }

// CreateMutex creates or opens a mutex. The calling thread owns a new one, if it is to.
func CreateMutex(a *Attributes, name string, owned bool, asked access.Mask) (Handle, error) {
	var self *threads.Thread
	if owned {
		var err error
		if self, err = threads.Self(); err != nil {
			return 0, err
		}
	}
	m, created, err := onlinux.OpenMutexBy(createName(name), onlinux.CreateOrOpen, exactly(asked, a), self)
	if err != nil {
		return 0, err
	}
	return admit(mutexOf(m), m, created, a.flags())
}

// OpenMutex opens a mutex.
func OpenMutex(asked access.Mask, inherit bool, name string) (Handle, error) {
	name, err := openName(name)
	if err != nil {
		return 0, err
	}
	m, _, err := onlinux.OpenMutexBy(name, onlinux.MustOpen, exactly(asked, nil), nil)
	if err != nil {
		return 0, err
	}
	return admit(mutexOf(m), m, true, inheriting(inherit))
}

// ReleaseMutex gives back one level of what the calling thread owns. It needs no right.
func ReleaseMutex(h Handle) error {
	o, e, err := use[mutex](h, 0)
	if err != nil {
		return err
	}
	defer e.leave()
	self, err := threads.Self()
	if err != nil {
		return err
	}
	return o.mutex.UnlockBy(self)
}

// try takes the mutex for the calling thread, if that can be now.
func (o mutex) try() (result uint32, err error) {
	self, err := threads.Self()
	if err != nil {
		return WaitFailed, err
	}
	taken, previous, err := o.mutex.TryLockBy(self)
	switch {
	case err != nil:
		return WaitFailed, err
	case !taken:
		return WaitTimeout, nil
	case previous != nil:
		return WaitAbandoned, nil
	}
	return 0, nil
}

func (o mutex) waitable() onlinux.Waitable {
	self, err := threads.Self()
	if err != nil {
		return alertable.Failing(err)
	}
	return o.mutex.By(self)
}

// signaler needs what Wine demands; Microsoft does not say.
func (o mutex) signaler() (onlinux.Signaler, access.Mask, error) {
	self, err := threads.Self()
	if err != nil {
		return nil, 0, err
	}
	return o.mutex.By(self), access.Wait, nil
}
