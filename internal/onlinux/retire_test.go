//go:build linux

package onlinux

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/lockfile"
	"atoll/internal/namespace"
	"atoll/internal/space"
)

// holdAsAnother holds an object as another process would.
func holdAsAnother(t tester, o Object) (release func()) {
	t.Helper()
	fd, err := lockfile.Reopen(o.parts().inner.FD, unix.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	if held, err := lockfile.TryShared(fd, lockfile.Holders); !held || err != nil {
		t.Fatal(held, err)
	}
	return func() { _ = unix.Close(fd) }
}

func newEvent(t *testing.T, name string, intent Intent) *Event {
	t.Helper()
	e, _, err := OpenEvent(name, intent, access.Request{}, false, false)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// waitThrough begins a wait and returns when it is in the queue.
func waitThrough(t *testing.T, ctx context.Context, e *Event) <-chan error {
	t.Helper()
	result := make(chan error, 1)
	go func() { result <- e.Wait(ctx) }()
	for e.Waiting() == 0 {
		select {
		case err := <-result:
			t.Fatal("it does not wait:", err)
		default:
		}
	}
	return result
}

// memberOfLocal is this process's number in Local, or 0.
func memberOfLocal() uint32 {
	s, err := space.Of(namespace.Local)
	if err != nil {
		return 0
	}
	defer s.Dir.Release()
	return s.Members.Self()
}

// The last handle is retired while somebody waits through it: the name is free at
// once, another object can have it, and the wait goes on. The membership lasts as
// long as the wait, because the object has its number.
func TestRetiredHandleHasNoName(t *testing.T) {
	const name = "retired and gone"
	e := newEvent(t, name, MustCreate)
	ctx, cancel := context.WithCancel(t.Context())
	result := waitThrough(t, ctx, e)
	if err := e.Retire(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenEvent(name, MustOpen, access.Request{}, false, false); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("the name is still there:", err)
	}
	other := newEvent(t, name, MustCreate)
	if err := errors.Join(other.Set(), other.Close()); err != nil {
		t.Fatal(err)
	}
	if memberOfLocal() == 0 {
		t.Error("it waits, and is no member")
	}
	select {
	case err := <-result:
		t.Fatal("the wait has ended:", err)
	default:
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// Another process has the object, and this one opens it again while it still waits
// through a handle that was retired: a signal through the new handle finds the waiter,
// and so does one of a duplicate.
func TestRetiredWaiterIsFoundAgain(t *testing.T) {
	const name = "retired and found"
	e := newEvent(t, name, MustCreate)
	release := holdAsAnother(t, e)
	for _, how := range []string{"opened", "duplicated"} {
		result := waitThrough(t, t.Context(), e)
		if err := e.Retire(); err != nil {
			t.Fatal(err)
		}
		again := newEvent(t, name, MustOpen)
		if again.inner == e.inner || again.att != e.att {
			t.Fatal("the object anew, and its place in the queue as before: not so")
		}
		signaler := again
		if how == "duplicated" {
			d, err := Duplicate(again, access.Request{})
			if err != nil {
				t.Fatal(err)
			}
			signaler = d.(*Event)
		}
		if err := signaler.Set(); err != nil {
			t.Fatal(err)
		}
		if err := <-result; err != nil {
			t.Fatal(how, err)
		}
		if signaler != again {
			if err := signaler.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		e = again
	}
	release()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if len(retired.attachments) != 0 {
		t.Error("something lingers")
	}
}

// What was retired is no handle: it cannot be duplicated.
func TestRetiredCannotBeDuplicated(t *testing.T) {
	for _, name := range []string{"", "retired and dead"} {
		e := newEvent(t, name, MustCreate)
		if err := errors.Join(e.Retire(), e.Retire()); err != nil {
			t.Fatal(err)
		}
		if _, err := Duplicate(e, access.Request{}); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%q: %v", name, err)
		}
		if _, release, err := pack(e, access.Request{}, 0); !errors.Is(err, fs.ErrClosed) {
			release()
			t.Errorf("%q: %v", name, err)
		}
		if err := e.Set(); err != nil {
			t.Error("a call that is inside must go on:", err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}
