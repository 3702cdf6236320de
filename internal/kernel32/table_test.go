//go:build linux

package kernel32

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/testkit"
)

// thing is an object that counts what becomes of it.
type thing struct {
	number  int
	retired atomic.Int32
	closed  atomic.Int32
	refuse  error // what a duplicate gets
}

func (o *thing) retire() { o.retired.Add(1) }

func (o *thing) close() { o.closed.Add(1) }

func (o *thing) same(other object) bool {
	t, ok := other.(*thing)
	return ok && t.number == o.number
}

func (o *thing) duplicate(asked access.Request, granted access.Mask) (object, access.Mask, error) {
	if asked.Exact {
		granted = asked.Access
	}
	if o.refuse != nil {
		return nil, 0, o.refuse
	}
	return &thing{number: o.number}, granted, nil
}

func admitThing(t *testing.T, o *thing, flags uint32) Handle {
	t.Helper()
	h, err := insert(o, access.Event, 7, flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = SetHandleInformation(h, ProtectFromClose, 0)
		_ = CloseHandle(h)
	})
	return h
}

// number fails the test if an error has another Win32 number.
func number(t testing.TB, want uint32, err error) {
	t.Helper()
	if errs.Number(err) != want {
		t.Errorf("error %d, %v, want %d", errs.Number(err), err, want)
	}
}

// A call that is inside keeps the object; the name is gone at once.
func TestCloseWhileInside(t *testing.T) {
	o := new(thing)
	h := admitThing(t, o, 0)
	e, err := find(h | 3)
	if err != nil {
		t.Fatal(err)
	}
	number(t, 0, CloseHandle(h|1))
	number(t, errs.InvalidHandle, CloseHandle(h))
	if o.retired.Load() != 1 || o.closed.Load() != 0 {
		t.Errorf("retired %d, closed %d", o.retired.Load(), o.closed.Load())
	}
	e.leave()
	if o.closed.Load() != 1 || e.enter() {
		t.Errorf("closed %d", o.closed.Load())
	}
}

func TestLowestFreeHandle(t *testing.T) {
	var handles []Handle
	for i := range 3 * blockSlots {
		h := admitThing(t, &thing{number: i}, 0)
		if i > 0 && h != handles[i-1]+4 {
			t.Fatalf("handle %#x after %#x", h, handles[i-1])
		}
		handles = append(handles, h)
	}
	for _, i := range []int{2*blockSlots + 5, 7, blockSlots} {
		number(t, 0, CloseHandle(handles[i]))
	}
	for _, i := range []int{7, blockSlots, 2*blockSlots + 5} {
		if h := admitThing(t, new(thing), 0); h != handles[i] {
			t.Errorf("handle %#x, want the lowest free, %#x", h, handles[i])
		}
	}
}

func TestHandlesThatAreNone(t *testing.T) {
	for _, h := range []Handle{0, 1, 2, 3, 0xdeadbee0, blockSlots * maxBlocks << 2, ^Handle(2), ^Handle(3), ^(^Handle(0) >> 1)} {
		_, err := find(h)
		number(t, errs.InvalidHandle, err)
		number(t, errs.InvalidHandle, CloseHandle(h))
		number(t, errs.InvalidHandle, SetHandleInformation(h, 1, 1))
		_, err = HandleInformation(h)
		number(t, errs.InvalidHandle, err)
		number(t, errs.InvalidHandle, CompareObjectHandles(h, h))
		_, err = ObjectInformation(h)
		number(t, errs.InvalidHandle, err)
		out := Handle(1)
		number(t, errs.InvalidHandle, DuplicateHandle(CurrentProcess, h, CurrentProcess, &out, 0, false, CloseSource))
		if out != 0 {
			t.Errorf("target %#x", out)
		}
	}
}

// What is placed lies where it was asked to, however far, and is found by all.
func TestPlace(t *testing.T) {
	o := new(thing)
	far := Handle(5*blockSlots+17) << 2
	if !place(far, o, access.Event, 7, Inherit) {
		t.Fatal("not placed")
	}
	for _, h := range []Handle{far, far | 1, 0, 3, blockSlots * maxBlocks << 2, CurrentThread} {
		if place(h, new(thing), access.Event, 7, 0) {
			t.Errorf("placed at %#x", h)
		}
	}
	seen := 0
	each(func(h Handle, e *entry) {
		if h == far && e.object == object(o) {
			seen++
		}
	})
	if seen != 1 {
		t.Errorf("seen %d times", seen)
	}
	number(t, 0, CloseHandle(far))
	if o.closed.Load() != 1 {
		t.Error("not closed")
	}
	if table.blocks[5].Load().used != 0 {
		t.Errorf("%d used", table.blocks[5].Load().used)
	}
}

// A table that is full refuses, and closes what it refuses, without its lock.
func TestTooManyHandles(t *testing.T) {
	table.Lock()
	lowest := table.lowest
	table.lowest = blockSlots * maxBlocks
	table.Unlock()
	o := new(thing)
	_, err := insert(o, access.Event, 7, 0)
	table.Lock()
	table.lowest = lowest
	table.Unlock()
	number(t, errs.NoResources, err)
	if o.retired.Load() != 1 || o.closed.Load() != 1 {
		t.Errorf("retired %d, closed %d", o.retired.Load(), o.closed.Load())
	}
}

func TestFlags(t *testing.T) {
	h := admitThing(t, new(thing), Inherit)
	for _, c := range []struct{ mask, flags, want uint32 }{
		{0, 3, 1}, {2, 3, 3}, {1, 0, 2}, {3, 0, 0}, {3, 3, 3},
	} {
		number(t, 0, SetHandleInformation(h|2, c.mask, c.flags))
		if got, err := HandleInformation(h | 1); got != c.want || err != nil {
			t.Errorf("%+v: %d, %v", c, got, err)
		}
	}
	number(t, errs.InvalidParameter, SetHandleInformation(h, 4, 0))
	number(t, errs.InvalidHandle, CloseHandle(h))
	if i, err := ObjectInformation(h); i != (BasicInformation{3, 7, 1}) || err != nil {
		t.Errorf("%+v, %v", i, err)
	}
	number(t, errs.AccessDenied, SetHandleInformation(CurrentProcess, 1, 0))
	number(t, 0, SetHandleInformation(CurrentThread, 0, 1))
	if got, err := HandleInformation(CurrentThread); got != 0 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
}

func TestDuplicateClosesItsSource(t *testing.T) {
	duplicate := func(h Handle, out *Handle, asked access.Mask, options uint32) error {
		return DuplicateHandle(CurrentProcess, h, CurrentProcess, out, asked, false, options)
	}
	var out Handle
	hole, o := admitThing(t, new(thing), 0), new(thing)
	h := admitThing(t, o, Inherit)
	number(t, 0, CloseHandle(hole)) // a lower one is free, and stays so
	number(t, 0, duplicate(h|1, &out, 0, CloseSource|SameAccess|SameAttributes))
	if flags, _ := HandleInformation(out); out != h || o.closed.Load() != 1 || flags != Inherit {
		t.Errorf("out %#x, source %#x, closed %d, flags %d", out, h, o.closed.Load(), flags)
	}
	number(t, 0, duplicate(h, nil, 0, CloseSource))
	number(t, errs.InvalidHandle, CloseHandle(h))

	refused := &thing{refuse: errs.Numbered(errs.AccessDenied, nil, "no")}
	h = admitThing(t, refused, 0)
	number(t, errs.AccessDenied, duplicate(h, &out, 5, CloseSource))
	if out != 0 || refused.closed.Load() != 1 {
		t.Errorf("out %#x, closed %d", out, refused.closed.Load())
	}

	safe := new(thing)
	h = admitThing(t, safe, ProtectFromClose)
	number(t, 0, duplicate(h, &out, 5, CloseSource))
	if flags, _ := HandleInformation(out); out == h || safe.retired.Load() != 0 || flags != 0 {
		t.Errorf("out %#x, source %#x, retired %d, flags %d", out, h, safe.retired.Load(), flags)
	}
	number(t, 0, CompareObjectHandles(h, out))
	number(t, 0, CloseHandle(out))
	number(t, 0, duplicate(h, nil, 5, CloseSource))
}

// Many goroutines make, duplicate, use and close handles, their own and each other's.
// Whatever they do, each object is closed once, and not while a call is inside.
func TestTableHammer(t *testing.T) {
	const workers, rounds, shared = 8, 2000, 16
	var made, closed atomic.Int64
	var handles [shared]atomic.Uintptr
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range rounds {
				at := &handles[rand.IntN(shared)]
				h := Handle(at.Load())
				switch rand.IntN(5) {
				case 0:
					h, err := insert(&counted{made: &made, closed: &closed}, access.Event, 7, 0)
					if err != nil {
						t.Error(err)
						return
					}
					made.Add(1)
					at.Store(uintptr(h))
				case 1:
					var out Handle
					if DuplicateHandle(CurrentProcess, h, CurrentProcess, &out, 0, false, SameAccess|rand.Uint32N(2)*CloseSource) == nil {
						at.Store(uintptr(out))
					}
				case 2:
					_ = CloseHandle(h)
				case 3:
					_ = SetHandleInformation(h, Inherit, rand.Uint32N(2))
				case 4:
					if e, err := find(h); err == nil {
						if e.object.(*counted).gone.Load() {
							t.Error("closed while a call is inside")
						}
						e.leave()
					}
				}
			}
		})
	}
	all.Wait()
	each(func(h Handle, e *entry) {
		if _, ok := e.object.(*counted); ok {
			_ = CloseHandle(h)
		}
	})
	if made.Load() != closed.Load() {
		t.Errorf("%d made, %d closed", made.Load(), closed.Load())
	}
}

// counted counts objects, and knows whether it is closed.
type counted struct {
	made, closed *atomic.Int64
	gone         atomic.Bool
}

func (o *counted) retire() {}

func (o *counted) close() {
	o.closed.Add(1)
	if o.gone.Swap(true) {
		panic("closed twice")
	}
}

func (o *counted) same(other object) bool { return object(o) == other }

func (o *counted) duplicate(_ access.Request, granted access.Mask) (object, access.Mask, error) {
	o.made.Add(1)
	return &counted{made: o.made, closed: o.closed}, granted, nil
}

// The same with events that others wait for: nothing of them is left.
func TestEventHammer(t *testing.T) {
	before := len(testkit.Descriptors())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				h, err := CreateEvent(nil, "hammer", true, false, 0x1F0003)
				if h == 0 {
					t.Error(err)
					return
				}
				var out Handle
				number(t, 0, DuplicateHandle(CurrentProcess, h, CurrentProcess, &out, 2, false, CloseSource))
				number(t, 0, SetEvent(out))
				number(t, 0, ResetEvent(out))
				number(t, 0, CloseHandle(out))
			}
		})
	}
	all.Wait()
	if after := len(testkit.Descriptors()); after > before+8 { // the directory, and what the runtime opens
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	_, err := OpenEvent(2, false, "hammer")
	number(t, errs.FileNotFound, err)
}

func TestRightsOfDuplicates(t *testing.T) {
	h, err := CreateEvent(nil, "", true, false, access.GenericRead)
	number(t, 0, err)
	defer func() { number(t, 0, CloseHandle(h)) }()
	for _, c := range []struct {
		asked   access.Mask
		options uint32
		want    uint32
		number  uint32
	}{
		{asked: 0, options: SameAccess, want: 0x20001},
		{asked: ^access.Mask(0), options: SameAccess, want: 0x20001},
		{asked: 0, want: 0},
		{asked: access.GenericExecute, want: 0x120000},
		{asked: access.GenericAll, want: 0x1F0003},
		{asked: access.MaximumAllowed, want: 0x1F0003},
		{asked: ^access.Mask(0), number: errs.AccessDenied},
		{asked: 1 << 9, number: errs.AccessDenied},
	} {
		var out Handle
		err := DuplicateHandle(CurrentProcess, h, CurrentProcess, &out, c.asked, false, c.options)
		number(t, c.number, err)
		if err != nil {
			continue
		}
		if i, err := ObjectInformation(out); i.GrantedAccess != c.want || i.HandleCount != 2 || err != nil {
			t.Errorf("%+v: %+v, %v", c, i, err)
		}
		number(t, 0, CompareObjectHandles(h, out))
		if c.want&2 == 0 {
			number(t, errs.AccessDenied, SetEvent(out))
		}
		number(t, 0, CloseHandle(out))
	}
}

func TestFindAllocatesNothing(t *testing.T) {
	h := admitThing(t, new(thing), 0)
	if n := testing.AllocsPerRun(100, func() {
		_, e, err := use[*thing](h, 3)
		if err != nil {
			t.Fatal(err)
		}
		e.leave()
	}); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func BenchmarkFind(b *testing.B) {
	h, err := insert(new(thing), access.Event, 7, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = CloseHandle(h) }()
	for b.Loop() {
		_, e, err := use[*thing](h, 3)
		if err != nil {
			b.Fatal(err)
		}
		e.leave()
	}
}
