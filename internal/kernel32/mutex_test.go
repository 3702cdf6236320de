//go:build linux

package kernel32

import (
	"testing"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/testkit"
)

const allOfMutex access.Mask = 0x1F0001

// The last handle of a mutex is closed while one thread owns it and another waits for it:
// the name goes at once, a new mutex can have it, and the wait ends with the owner.
func TestMutexWithoutHandles(t *testing.T) {
	const name = "a mutex without handles"
	m, err := CreateMutex(nil, name, false, allOfMutex)
	number(t, 0, err)
	ends := make(chan struct{})
	owns := make(chan struct{})
	owner := onThread(func() {
		if r, err := WaitForSingleObject(m, 0, false); r != 0 || err != nil {
			t.Errorf("%#x, %v", r, err)
		}
		close(owns)
		<-ends
	})
	testkit.Soon(t, owns, "a free mutex")
	waiter := onThread(func() {
		if r, err := WaitForSingleObject(m, Infinite, false); r != WaitAbandoned || err != nil {
			t.Errorf("%#x, %v; want it abandoned", r, err)
		}
	})
	testkit.Blocked(t, waiter, "the wait for a mutex that another thread owns")
	number(t, 0, CloseHandle(m))
	_, err = OpenMutex(allOfMutex, false, name)
	number(t, errs.FileNotFound, err)
	other, err := CreateMutex(nil, name, false, allOfMutex)
	number(t, 0, err)
	if r, err := WaitForSingleObject(other, 0, false); r != 0 || err != nil {
		t.Errorf("the new one: %#x, %v", r, err)
	}
	number(t, 0, ReleaseMutex(other))
	number(t, 0, CloseHandle(other))
	testkit.Blocked(t, waiter, "the wait for a mutex without handles")
	close(ends)
	testkit.Soon(t, owner, "the owner's end")
	testkit.Soon(t, waiter, "the wait for a mutex whose owner has ended")
}

// What no mutex and no semaphore is, and what cannot be asked for.
func TestMutexRefusals(t *testing.T) {
	e, err := CreateEvent(nil, "a name that is taken", true, false, 0x1F0003)
	number(t, 0, err)
	_, err = CreateMutex(nil, "a name that is taken", true, allOfMutex)
	number(t, errs.InvalidHandle, err)
	_, err = CreateSemaphore(nil, "a name that is taken", 0, 1, 0x1F0003)
	number(t, errs.InvalidHandle, err)
	number(t, errs.InvalidHandle, ReleaseMutex(e))
	_, err = ReleaseSemaphore(e, 1)
	number(t, errs.InvalidHandle, err)
	number(t, 0, CloseHandle(e))
	number(t, errs.InvalidHandle, ReleaseMutex(e))
	number(t, errs.InvalidHandle, ReleaseMutex(0))
	_, err = OpenMutex(allOfMutex, false, NullName)
	number(t, errs.InvalidParameter, err)
	_, err = OpenSemaphore(0x1F0003, false, "")
	number(t, errs.InvalidHandle, err)
}
