package conformance

import (
	"testing"

	"atoll/win32"
)

func TestSemaphore(t *testing.T) { run(t, semaphores) }

func (t *T) semaphore(initial, limit int32) win32.Handle {
	return t.Fresh(win32.CreateSemaphore(nil, initial, limit, win32.NullName))
}

// Count demands a semaphore's count, by taking it all.
func (t *T) Count(want int, s win32.Handle) {
	for range want {
		t.takes(s)
	}
	t.misses(s)
}

var takerOfOne = newRole("takes one of a semaphore and waits", func(t *T, p *Parent) {
	s := t.Handle(win32.OpenSemaphore(win32.SYNCHRONIZE, false, p.Arg(0)))
	t.takes(s)
	p.Say("taken")
	p.Hear()
})

var semaphores = []line{
	{
		id: "C286", says: "CreateSemaphore(-1,1), (0,0), (2,1) → NULL, 87", source: "WT-n/sync test_semaphore; sdk (W)(D)",
		check: func(t *T) {
			for _, c := range [][2]int32{{-1, 1}, {0, 0}, {2, 1}, {0, -1}} {
				t.NoHandle(win32.ERROR_INVALID_PARAMETER)(win32.CreateSemaphore(nil, c[0], c[1], win32.NullName))
			}
		},
	},
	{
		id: "C288", says: "count 0 of max 2: Release(3) → FALSE, 298, count still 0", source: "test_semaphore (W)",
		check: func(t *T) {
			s, previous := t.semaphore(0, 2), int32(77)
			t.Err(win32.ERROR_TOO_MANY_POSTS, win32.ReleaseSemaphore(s, 3, &previous))
			if previous != 77 {
				t.Errorf("it says that the count was %d", previous)
			}
			t.misses(s)
			for want := range int32(2) {
				t.OK(win32.ReleaseSemaphore(s, 1, &previous))
				if previous != want {
					t.Errorf("the count was %d, want %d", previous, want)
				}
			}
			t.Count(2, s)
		},
	},
	{
		id: "C289", says: "Release(0) and Release(-1) → FALSE, 87", source: "sdk:releasesemaphore (D) code (inf)",
		gap: gaps{onWine: "Wine takes any number, 0 and those below it too"},
		check: func(t *T) {
			s := t.semaphore(1, 2)
			for _, n := range []int32{0, -1} {
				t.Err(win32.ERROR_INVALID_PARAMETER, win32.ReleaseSemaphore(s, n, nil))
			}
			t.Count(1, s)
		},
	},
	{
		id: "C290", says: "Release(1, NULL) → TRUE", source: "sdk (D)",
		check: func(t *T) {
			s := t.semaphore(0, 1)
			t.OK(win32.ReleaseSemaphore(s, 1, nil))
			t.Count(1, s)
		},
	},
	{
		id: "C292", says: "WaitForMultiple any {s,s} with count 2 → returns 0, count 1", source: "w32:Sync/semaphore-objects (D)",
		check: func(t *T) {
			s := t.semaphore(2, 2)
			t.WaitGives(win32.WAIT_OBJECT_0)(win32.WaitForMultipleObjects([]win32.Handle{s, s}, false, 0))
			t.Count(1, s)
		},
	},
	{
		id: "C293", says: "holder process dies → count not restored", source: "w32:Sync/semaphore-objects (D)",
		check: func(t *T) {
			n := t.Name()
			s := t.Fresh(win32.CreateSemaphore(nil, 1, 1, n))
			child := t.Child(takerOfOne, n)
			child.Expect("taken")
			child.Kill()
			t.misses(s)
		},
	},
	{
		id: "C294", says: "h(SYNCHRONIZE) → ReleaseSemaphore → FALSE, 5", source: "sdk (D)",
		check: func(t *T) {
			n := t.Name()
			s := t.Fresh(win32.CreateSemaphore(nil, 1, 2, n))
			waiter := t.Handle(win32.OpenSemaphore(win32.SYNCHRONIZE, false, n))
			t.Err(win32.ERROR_ACCESS_DENIED, win32.ReleaseSemaphore(waiter, 1, nil))
			t.Count(1, s)
		},
	},
}
