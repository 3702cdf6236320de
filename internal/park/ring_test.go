//go:build linux

package park

import (
	"testing"
	"time"
	"unsafe"

	"atoll/internal/futex"
	"atoll/internal/testkit"
)

// TestABI compares sizes and offsets with those of the kernel's structures.
func TestABI(t *testing.T) {
	var (
		p ioUringParams
		e ioUringSqe
	)
	for name, sizes := range map[string][2]uintptr{
		"io_uring_params":        {unsafe.Sizeof(p), 120},
		"io_uring_params.sq_off": {unsafe.Offsetof(p.sqOff), 40},
		"io_uring_params.cq_off": {unsafe.Offsetof(p.cqOff), 80},
		"io_uring_sqe":           {unsafe.Sizeof(e), 64},
		"io_uring_sqe.addr2":     {unsafe.Offsetof(e.addr2), 8},
		"io_uring_sqe.addr":      {unsafe.Offsetof(e.addr), 16},
		"io_uring_sqe.user_data": {unsafe.Offsetof(e.userData), 32},
		"io_uring_sqe.addr3":     {unsafe.Offsetof(e.addr3), 48},
		"io_uring_cqe":           {unsafe.Sizeof(ioUringCqe{}), 16},
		"io_uring_rsrc_update":   {unsafe.Sizeof(ioUringRsrcUpdate{}), 16},
		"futex_waitv":            {unsafe.Sizeof(waitv{}), 24},
	} {
		if sizes[0] != sizes[1] {
			t.Errorf("%s: %d, and %d in the kernel", name, sizes[0], sizes[1])
		}
	}
}

func TestSmallArm(t *testing.T) {
	if size := unsafe.Sizeof(Arm{}); size > 64 {
		t.Errorf("%d bytes", size)
	}
}

// otherRing makes the process use a ring of a certain size during the test.
func otherRing(t testing.TB, c config) *ring {
	t.Helper()
	Force(IOUring)
	testkit.Need(t, Current() == IOUring, "io_uring")
	r := openRing(c)
	if r == nil {
		t.Fatal("no second ring")
	}
	use := func(r *ring) (before *ring) {
		choosing.Lock()
		defer choosing.Unlock()
		before, theRing = theRing, r
		chosen.Store(nil)
		return before
	}
	before := use(r)
	t.Cleanup(func() {
		use(before)
		lose(t, r)
		Force(Probed)
	})
	return r
}

// lose makes a ring believe that a completion was lost, which ends it.
func lose(t testing.TB, r *ring) {
	t.Helper()
	r.mu.Lock()
	if !r.dead.Load() {
		r.cq.missed.Add(1)
	}
	r.mu.Unlock()
	r.kick()
	eventually(t, r.dead.Load, "the ring does not end")
}

// TestTinyRing: neither submissions nor completions have room in the ring.
func TestTinyRing(t *testing.T) {
	otherRing(t, config{sqEntries: 2, cqEntries: 4})
	f := newFlock(t, 1000)
	defer f.clear()
	for round := range int64(20) {
		f.set()
		if round%2 == 0 {
			time.Sleep(time.Millisecond) // all are in the kernel, or some are not yet
		}
		f.wake()
		f.await(t, (round+1)*1000)
	}
	f.set()
	f.clear()
}

// TestRingEnds: when the ring must be given up, all arms fire, and can be
// set in another way.
func TestRingEnds(t *testing.T) {
	r := otherRing(t, ringConfig)
	words := sharedWords(t, 10)
	var arms []*testArm
	for _, w := range words {
		a := newArm(t, w)
		a.Set(0)
		arms = append(arms, a)
	}
	arms[0].silent(t, "nothing happened")
	lose(t, r)
	for _, a := range arms {
		a.fires(t, "the ring is gone")
		a.Set(0)
	}
	if Current() == IOUring {
		t.Error("the ring is used again")
	}
	for i, a := range arms {
		a.silent(t, "nothing happened")
		words[i].Add(1)
		futex.Wake(words[i])
		a.fires(t, "woken")
	}
}

// TestRefused: an arm that its holder could not put into the kernel gets a
// thread, unless it is being cleared.
func TestRefused(t *testing.T) {
	w := sharedWords(t, 1)[0]
	a := newArm(t, w)
	refuse := func() *silentHolder {
		h := &silentHolder{taken: make(chan struct{})}
		a.mu.Lock()
		a.set, a.expected, a.holder = true, w.Load(), h
		a.mu.Unlock()
		return h
	}
	refuse()
	a.fail()
	a.silent(t, "nothing happened")
	w.Add(1)
	futex.Wake(w)
	a.fires(t, "woken")

	h := refuse()
	cleared := make(chan struct{})
	go func() { a.Clear(); close(cleared) }()
	testkit.Soon(t, h.taken, "take")
	a.fail()
	testkit.Soon(t, cleared, "Clear")
	w.Add(1)
	futex.Wake(w)
	a.silent(t, "it was cleared")
}

type silentHolder struct{ taken chan struct{} }

func (h *silentHolder) take(*Arm) { close(h.taken) }
