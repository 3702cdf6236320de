package conformance

import (
	"runtime"
	"testing"
	"time"

	"atoll/win32"
)

func TestMutex(t *testing.T) { run(t, mutexes) }

// mutex makes a mutex without a name, that nobody owns.
func (t *T) mutex() win32.Handle { return t.Fresh(win32.CreateMutex(nil, false, win32.NullName)) }

// takes waits for an object, which must be there now.
func (t *T) takes(h win32.Handle) { t.WaitGives(win32.WAIT_OBJECT_0)(win32.WaitForSingleObject(h, 0)) }

// misses demands that the object is not there.
func (t *T) misses(h win32.Handle) { t.WaitGives(win32.WAIT_TIMEOUT)(win32.WaitForSingleObject(h, 0)) }

// getsAbandoned waits for a mutex whose owner has ended, or is about to.
func (t *T) getsAbandoned(m win32.Handle) {
	t.WaitGives(win32.WAIT_ABANDONED)(win32.WaitForSingleObject(m, uint32(hang/time.Millisecond)))
}

// Waits demands that something is not done for a while.
func (t *T) Waits(done <-chan struct{}) {
	select {
	case <-done:
		t.Fatalf("it has not waited")
	case <-time.After(quiet):
	}
}

// Done waits for what must be done.
func (t *T) Done(done <-chan struct{}) {
	select {
	case <-done:
	case <-time.After(hang):
		t.Fatalf("it waits for ever")
	}
}

// mutexRights are the rights that a handle of a mutex can have, one bit each.
const mutexRights = win32.MUTEX_ALL_ACCESS | win32.MAXIMUM_ALLOWED |
	win32.GENERIC_ALL | win32.GENERIC_EXECUTE | win32.GENERIC_WRITE | win32.GENERIC_READ

// openedWith opens a mutex with each single right of some. The thread owns it, once.
func (t *T) openedWith(rights uint32, check func(own win32.Handle, right uint32, h win32.Handle, err error)) {
	name := t.Name()
	own := t.Fresh(win32.CreateMutex(nil, true, name))
	for bit := range 32 {
		if right := uint32(1) << bit; right&rights != 0 {
			h, err := win32.OpenMutex(right, false, name)
			check(own, right, h, err)
		}
	}
}

var ownerAndNoMore = newRole("owns a mutex and waits", func(t *T, p *Parent) {
	m := t.Handle(win32.OpenMutex(win32.SYNCHRONIZE, false, p.Arg(0)))
	t.takes(m)
	p.Say("owner")
	p.Hear()
})

var mutexes = []line{
	{
		id: "C266", says: "T1 waits 31 times on a free mutex → all WAIT_OBJECT_0", source: "test_mutex (W)",
		check: func(t *T) {
			m := t.mutex()
			for range 31 {
				t.takes(m)
			}
			for range 31 {
				t.OK(win32.ReleaseMutex(m))
			}
			t.Err(win32.ERROR_NOT_OWNER, win32.ReleaseMutex(m))
		},
	},
	{
		id: "C268", says: "T1 owns 1×, releases → TRUE; releases again → FALSE, 288", source: "test_mutex (W)",
		check: func(t *T) {
			m := t.mutex()
			t.takes(m)
			t.OK(win32.ReleaseMutex(m))
			t.Err(win32.ERROR_NOT_OWNER, win32.ReleaseMutex(m))
		},
	},
	{
		id: "C269", says: "T2 releases T1's mutex → FALSE, 288", source: "sdk:releasemutex (D)",
		check: func(t *T) {
			m := t.mutex()
			t.takes(m)
			t.Thread(func() {
				t.Err(win32.ERROR_NOT_OWNER, win32.ReleaseMutex(m))
				t.misses(m)
			})
			t.OK(win32.ReleaseMutex(m))
		},
	},
	{
		id: "C270", says: "ReleaseMutex on never-owned mutex → FALSE, 288", source: "WT-n map (W)",
		check: func(t *T) { t.Err(win32.ERROR_NOT_OWNER, win32.ReleaseMutex(t.mutex())) },
	},
	{
		id: "C272", says: "h(READ_CONTROL only) of own mutex → ReleaseMutex → TRUE", source: "test_mutex loop (W)",
		check: func(t *T) {
			t.openedWith(mutexRights, func(own win32.Handle, right uint32, h win32.Handle, err error) {
				if err := win32.ReleaseMutex(t.Handle(h, err)); err != nil {
					t.Fatalf("with %#x: %v", right, err)
				}
				t.Err(win32.ERROR_NOT_OWNER, win32.ReleaseMutex(own))
				t.takes(own)
			})
		},
	},
	{
		id: "C273", says: "h(GENERIC_READ|GENERIC_WRITE) → wait → WAIT_FAILED, 5", source: "test_mutex (W) code (W map)",
		check: func(t *T) {
			n := t.Name()
			t.Fresh(win32.CreateMutex(nil, false, n))
			m := t.Handle(win32.OpenMutex(win32.GENERIC_READ|win32.GENERIC_WRITE, false, n))
			t.WaitFails(win32.ERROR_ACCESS_DENIED)(win32.WaitForSingleObject(m, 0))
		},
	},
	{
		id: "C274", says: "h(GENERIC_EXECUTE) → wait → WAIT_OBJECT_0", source: "test_mutex (W)",
		check: func(t *T) {
			n := t.Name()
			t.Fresh(win32.CreateMutex(nil, false, n))
			m := t.Handle(win32.OpenMutex(win32.GENERIC_EXECUTE, false, n))
			t.takes(m)
			t.OK(win32.ReleaseMutex(m))
		},
	},
	{
		id: "C276", says: "OpenMutex(0x2 … 0x8000 single bits) → NULL, 5", source: "test_mutex (W)",
		gap: gaps{onWine: "Wine 8 opens a mutex with rights that no mutex has"},
		check: func(t *T) {
			t.openedWith(^uint32(mutexRights)&^win32.ACCESS_SYSTEM_SECURITY, func(_ win32.Handle, right uint32, h win32.Handle, err error) {
				if h != 0 || err != win32.ERROR_ACCESS_DENIED {
					t.Errorf("with %#x: handle %#x, %v", right, h, err)
				}
			})
		},
	},
	{
		id: "C277", says: "OpenMutex(ACCESS_SYSTEM_SECURITY) without privilege → NULL, 1314", source: "test_mutex (W†)",
		gap: gaps{onWine: "Wine looks for no privilege"},
		check: func(t *T) {
			t.openedWith(win32.ACCESS_SYSTEM_SECURITY, func(_ win32.Handle, _ uint32, h win32.Handle, err error) {
				t.Refused(win32.ERROR_PRIVILEGE_NOT_HELD, h, err)
			})
		},
	},
	{
		id: "C278", says: "T1 owns and exits → T2 wait → 0x80, T2 owns; T2 releases; T3 wait → 0", source: "WT-n/sync test_mutant (W)",
		check: func(t *T) {
			m := t.mutex()
			t.Thread(func() { t.takes(m); t.takes(m) })
			t.Thread(func() {
				t.getsAbandoned(m)
				t.Thread(func() { t.misses(m) })
				t.OK(win32.ReleaseMutex(m))
				t.Err(win32.ERROR_NOT_OWNER, win32.ReleaseMutex(m))
			})
			t.Thread(func() { t.takes(m); t.OK(win32.ReleaseMutex(m)) })
		},
	},
	{
		id: "C280", says: "P1 killed while owning → P2 wait → 0x80", source: "sdk:waitforsingleobject (D)",
		check: func(t *T) {
			n := t.Name()
			m := t.Fresh(win32.CreateMutex(nil, false, n))
			child := t.Child(ownerAndNoMore, n)
			child.Expect("owner")
			t.misses(m)
			child.Kill()
			t.getsAbandoned(m)
			t.OK(win32.ReleaseMutex(m))
			t.takes(m)
		},
	},
	{
		id: "C281", says: "T1 owns, T2 waits, main closes its mutex handle, T1 terminated → T2 gets 0x80", source: "test_mutex end (W)",
		check: func(t *T) {
			m := t.mutex()
			owns, ends := make(chan struct{}), make(chan struct{})
			first := t.Begin(func() { t.takes(m); close(owns); <-ends })
			<-owns
			second := t.Begin(func() { t.getsAbandoned(m) })
			t.Waits(second)
			t.Close(m)
			t.Waits(second)
			close(ends)
			t.Done(first)
			t.Done(second)
		},
	},
	{
		id: "C282", says: "closing the owner's handle does not release: other handle's wait(0) → 0x102", source: "I (I)",
		check: func(t *T) {
			n := t.Name()
			m := t.Fresh(win32.CreateMutex(nil, false, n))
			other := t.Exists(win32.CreateMutex(nil, true, n))
			t.takes(m)
			t.Close(m)
			t.Thread(func() { t.misses(other) })
			t.takes(other)
			t.OK(win32.ReleaseMutex(other))
			t.OK(win32.ReleaseMutex(other))
			t.Thread(func() { t.takes(other) })
		},
	},
	{
		id: "C284", says: "CreateMutex(initialOwner TRUE), thread's wait(0) → 0; needs two releases", source: "sdk (D)",
		check: func(t *T) {
			m := t.Fresh(win32.CreateMutex(nil, true, win32.NullName))
			t.takes(m)
			t.OK(win32.ReleaseMutex(m))
			t.Thread(func() { t.misses(m) })
			t.OK(win32.ReleaseMutex(m))
			t.Err(win32.ERROR_NOT_OWNER, win32.ReleaseMutex(m))
		},
	},
	{
		id: "C285", says: "goroutine migrating OS threads must not lose ownership → identity is per logical thread", source: "design (inf)",
		check: func(t *T) {
			m := t.mutex()
			t.takes(m)
			for range 100 { // others use the threads meanwhile, and this goroutine keeps its own
				runtime.Gosched()
				done := make(chan struct{})
				go func() {
					defer close(done)
					runtime.LockOSThread()
					defer runtime.UnlockOSThread()
					t.misses(m)
				}()
				<-done
			}
			t.OK(win32.ReleaseMutex(m))
		},
	},
}
