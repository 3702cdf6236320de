//go:build linux

package atoll

import (
	"io/fs"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"atoll/internal/testkit"
)

type plain struct {
	A uint32
	B [3]int16
	C struct{ D, E float64 }
	F bool
	G uintptr
	H complex128
}

type (
	withString struct{ A [2]struct{ Name string } }
	withSelf   struct{ Next *withSelf }
	empty      struct{}
)

// atErr is the error of At.
func atErr[T any](v *View, offset int64) error { return second(At[T](v, offset)) }

func TestAt(t *testing.T) {
	s := newTestSection(t, t.Name(), SectionOptions{Size: 4096})
	v := newTestView(t, s, 0, 0, 1000)
	p := must1(At[plain](v, 16))
	p.A, p.B[2], p.C.E, p.F = 1, 2, 3, true
	other := must1(At[plain](newTestView(t, s, Read, 0, 0), 16))
	if *other != *p || other.C.E != 3 {
		t.Fatal("another view shows something else")
	}
	if v.Bytes()[16] != 1 {
		t.Fatal("not at its offset")
	}
	private := must1(At[plain](newTestView(t, s, Copy, 0, 0), 16))
	private.A = 7
	if p.A != 1 {
		t.Fatal("a copy is not the view's own")
	}

	t.Run("types with pointers", func(t *testing.T) {
		for name, err := range map[string]error{
			"string": atErr[string](v, 0), "[]uint8 (slice)": atErr[[]byte](v, 0), "map[": atErr[map[int]int](v, 0),
			"chan": atErr[chan int](v, 0), "func": atErr[func()](v, 0), "interface": atErr[any](v, 0),
			"*int": atErr[*int](v, 0), "unsafe.Pointer": atErr[struct{ P atomic.Pointer[int] }](v, 0),
			".A[0].Name (string)": atErr[withString](v, 0), ".Next (ptr)": atErr[withSelf](v, 0),
			"sync.Pool": atErr[sync.Pool](v, 0),
		} {
			isNumber(t, err, 87, fs.ErrInvalid, "pointer")
			if !strings.Contains(err.Error(), strings.Trim(name, "*")) {
				t.Errorf("%q does not mention %q", err, name)
			}
		}
		for _, err := range []error{
			atErr[uintptr](v, 0), atErr[atomic.Uint64](v, 0), atErr[sync.Mutex](v, 0), atErr[[0]string](v, 0), atErr[empty](v, 0),
		} {
			must(t, err)
		}
	})
	t.Run("place", func(t *testing.T) {
		must(t, atErr[uint64](v, 992))
		must(t, atErr[byte](v, 999))
		must(t, atErr[empty](v, 1000))
		for _, err := range []error{
			atErr[uint64](v, 1), atErr[uint64](v, 4), atErr[uint16](v, 999), atErr[uint64](v, 1000), atErr[byte](v, 1000), atErr[byte](v, -1),
			atErr[empty](v, 1001), atErr[empty](v, -1), atErr[byte](v, 1<<63-1), atErr[byte](v, -1<<63), atErr[[1001]byte](v, 0),
			atErr[[1 << 28]byte](v, 0),
		} {
			isNumber(t, err, 87, fs.ErrInvalid)
		}
	})
}

func TestSliceOf(t *testing.T) {
	v := newTestView(t, newTestSection(t, "", SectionOptions{Size: 4096}), 0, 0, 1000)
	s := must1(SliceOf[uint32](v, 8, 10))
	if len(s) != 10 || cap(s) != 10 {
		t.Fatal(len(s), cap(s))
	}
	s[9] = 0x01020304
	if v.Bytes()[8+36]+v.Bytes()[8+39] != 5 {
		t.Fatal("not in the view")
	}
	of := func(offset int64, n int) error { return second(SliceOf[uint64](v, offset, n)) }
	must(t, of(0, 125))
	must(t, of(992, 1))
	must(t, of(1000, 0))
	must(t, second(SliceOf[empty](v, 1000, math.MaxInt)))
	for _, err := range []error{
		of(0, 126), of(8, 125), of(0, -1), of(1008, 0), of(4, 1), of(0, math.MaxInt/8+1), of(0, math.MaxInt/4+1), of(0, math.MaxInt), of(-8, 1),
		second(SliceOf[withString](v, 0, 0)),
	} {
		isNumber(t, err, 87, fs.ErrInvalid)
	}
}

func TestPointerFreeIsCached(t *testing.T) {
	v := newTestView(t, newTestSection(t, "", SectionOptions{Size: 4096}), 0, 0, 0)
	must(t, atErr[plain](v, 0))
	if n := testing.AllocsPerRun(100, func() { must1(At[plain](v, 0)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if _, ok := verdicts.Load(reflect.TypeFor[plain]()); !ok {
		t.Error("not cached")
	}
}

// Atomic operations work between processes, through pointers of At.
func TestAtomicBetweenProcesses(t *testing.T) {
	const processes, each = 3, 20000
	s := newTestSection(t, t.Name(), SectionOptions{Size: 4096})
	counter := must1(At[atomic.Uint64](newTestView(t, s, 0, 0, 0), 128))
	var all []*testkit.Child
	for range processes {
		all = append(all, testkit.Start(t, "counter", t.Name(), strconv.Itoa(each)))
	}
	for _, c := range all {
		c.Expect("ready")
	}
	for _, c := range all {
		c.Tell("go")
	}
	for _, c := range all {
		c.Expect("counted")
		c.End()
	}
	if n := counter.Load(); n != processes*each {
		t.Fatalf("counted %d, want %d", n, processes*each)
	}
}

var _ = testkit.Role("counter", func(self *testkit.Self) {
	s, err := OpenSection(self.Args[0], 0)
	self.Must(err)
	v, err := s.Map(0, 0, 0)
	self.Must(err)
	counter, err := At[atomic.Uint64](v, 128)
	self.Must(err)
	self.Say("ready")
	_, _ = self.Hear()
	for range must1(strconv.Atoi(self.Args[1])) {
		counter.Add(1)
	}
	self.Say("counted")
	_, _ = self.Hear()
	self.Must(v.Close())
	self.Must(s.Close())
})
