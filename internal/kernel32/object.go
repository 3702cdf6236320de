//go:build linux

package kernel32

import (
	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/onlinux"
)

// kernelObject is an object of package onlinux in the table.
type kernelObject struct{ onlinux.Object }

func (o kernelObject) retire() { _ = o.Retire() }

func (o kernelObject) close() { _ = o.Close() }

// kernel is what all wrappers of a kernelObject have.
func (o kernelObject) kernel() onlinux.Object { return o.Object }

func (o kernelObject) same(other object) bool {
	k, ok := other.(interface{ kernel() onlinux.Object })
	return ok && onlinux.Same(o.Object, k.kernel())
}

func (o kernelObject) duplicate(asked access.Request, _ access.Mask) (object, access.Mask, error) {
	another, err := onlinux.Duplicate(o.Object, asked)
	if err != nil {
		return nil, 0, err
	}
	return objectOf(another), another.Rights(), nil
}

// objectOf is an object of package onlinux as handles lead to it.
func objectOf(o onlinux.Object) object {
	switch o := o.(type) {
	case *onlinux.Event:
		return eventOf(o)
	case *onlinux.Mutex:
		o.ForThreads()
		return mutexOf(o)
	case *onlinux.Semaphore:
		return semaphoreOf(o)
	case *onlinux.Section:
		return sectionOf(o, 0)
	case *onlinux.Job:
		return jobOf(o)
	case *onlinux.Timer:
		return timerOf(o)
	default:
		return kernelObject{o}
	}
}

// exactly asks for an access as it is: 0 is no right at all.
func exactly(asked access.Mask, a *Attributes) access.Request {
	return access.Request{Access: asked, Exact: true, Security: a.security()}
}

// admit gives an object a handle, if there is one. created false is told beside it.
func admit(o object, of onlinux.Object, created bool, flags uint32) (Handle, error) {
	h, err := insert(o, access.Kind(of.Header().Type), of.Rights(), flags)
	if err != nil || created {
		return h, err
	}
	return h, errAlreadyExists
}

var errAlreadyExists = errs.Numbered(errs.AlreadyExists, nil, "the object was there already")
