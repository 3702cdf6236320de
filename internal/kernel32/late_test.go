//go:build linux

package kernel32

import (
	"testing"

	"atoll/internal/access"
	"atoll/internal/errs"
)

// Of an object that ended with its last handle, while a call was inside, there is no
// duplicate: it would be of something that nobody else finds any more.
func TestDuplicateComesTooLate(t *testing.T) {
	event, err := CreateEvent(nil, "late", true, false, 0x1F0003)
	number(t, 0, err)
	port, err := CreateIoCompletionPort(CurrentProcess, 0)
	number(t, 0, err)
	for _, h := range []Handle{event, port} {
		e, err := find(h)
		number(t, 0, err)
		number(t, 0, CloseHandle(h))
		w := wanted{}
		made, err := w.of(e)
		if made != nil {
			t.Errorf("there is a duplicate of a %s", e.kind)
			made.letGo()
		}
		number(t, errs.InvalidHandle, err)
		e.leave()
	}
	_, err = OpenEvent(access.Wait, false, "late")
	number(t, errs.FileNotFound, err)
}
