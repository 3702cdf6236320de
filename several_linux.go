package atoll

import (
	"errors"

	"atoll/internal/check"
	"atoll/internal/onlinux"
)

// takeAll is WaitAll where all objects are there and nothing is special about any. It
// asks each object by its own type: to gather the kernel's objects in a list first
// takes an eighth more time, and a defer a twentieth. Nothing between BeginAll and
// EndAll panics, but in a program that has asked for panics on faults and cuts its own
// objects off.
func takeAll(objects []Waitable) (taken bool, err error) {
	onlinux.BeginAll()
	told := check.Race // of what was taken
	for _, o := range objects {
		planned := false
		switch o := o.(type) {
		case *Semaphore:
			planned = o != nil && o.kernel != nil && o.kernel.Plan()
		case *Event:
			planned = o != nil && o.kernel != nil && o.kernel.Plan()
		case *Mutex:
			planned = o != nil && o.kernel != nil && o.kernel.Plan()
			told = true
		}
		if !planned {
			onlinux.Unplan()
			onlinux.EndAll()
			return false, nil
		}
	}
	taken = onlinux.TakeAll()
	if taken && told {
		err = tookAll(objects)
	}
	onlinux.EndAll()
	return taken, err
}

func tookAll(objects []Waitable) (err error) {
	for _, o := range objects {
		err = errors.Join(err, o.waitable().(interface{ Took() error }).Took())
	}
	return err
}
