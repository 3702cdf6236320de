//go:build linux

package views

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/backing"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/mapping"
	"atoll/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// memorySection makes a section of memory, which lasts as long as the test.
func memorySection(t testing.TB, size int64, flags layout.Flags) mapping.Section {
	t.Helper()
	h := layout.Header{Type: layout.Section, Size: size, Protection: uint32(access.ExecuteReadWrite), Flags: flags}
	h.PlaceData()
	return sectionOf(t, h, backing.BuildMemory, -1)
}

// fileSection makes a section over a file of zeros.
func fileSection(t testing.TB, size int64) (s mapping.Section, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	check(t, err)
	check(t, f.Truncate(size))
	t.Cleanup(func() { _ = f.Close() })
	h := layout.Header{Type: layout.Section, Size: size, Protection: uint32(access.ReadWrite), Flags: layout.FlagFile, Path: path, FileIno: 1}
	build := func(fd int, h layout.Header) error { return backing.BuildHeader(fd, h, h.FileSize()) }
	return sectionOf(t, h, build, int(f.Fd())), path
}

func sectionOf(t testing.TB, h layout.Header, build func(int, layout.Header) error, fd int) mapping.Section {
	t.Helper()
	o, err := backing.CreateUnnamed(h, build)
	check(t, err)
	t.Cleanup(func() { _ = o.DropHandle() })
	if fd < 0 {
		fd = o.FD
	}
	return mapping.Section{Object: o, File: fd, Rights: access.Protection(h.Protection).Usual()}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// view maps all of a section as long as the test.
func view(t testing.TB, s mapping.Section, p Protection) uintptr {
	t.Helper()
	v, err := Map(s, Wanted{Protection: p})
	check(t, err)
	t.Cleanup(func() { _ = Unmap(v) })
	return v
}

func at(address uintptr) *byte { return *(**byte)(unsafe.Pointer(&address)) }

// unreachable says whether f cannot reach memory.
func unreachable(f func()) (is bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { is = recover() != nil }()
	f()
	return false
}

func expect(t *testing.T, address uintptr, state uint32, p Protection, size uintptr) {
	t.Helper()
	i, err := Query(address)
	check(t, err)
	if i.State != state || i.Protect != p || i.Size != size {
		t.Errorf("at %#x there are %d bytes of state %#x with protection %#x, want %d, %#x, %#x", address, i.Size, i.State, uint32(i.Protect), size, state, uint32(p))
	}
}

func number(t *testing.T, want uint32, err error) {
	t.Helper()
	if errs.Number(err) != want {
		t.Errorf("error %v (%d), want %d", err, errs.Number(err), want)
	}
}

func commit(t *testing.T, address, size uintptr, p Protection) {
	t.Helper()
	_, err := Alloc(address, size, Commit, p)
	check(t, err)
}

// What one view commits is committed in all, with the protection of each; a touch of
// what is not is a fault where the kernel can do that, and commits nothing.
func TestReserve(t *testing.T) {
	const size = 1 << 20
	s := memorySection(t, size, layout.FlagReserve)
	v, reads, copies := view(t, s, ReadWrite), view(t, s, ReadOnly), view(t, s, WriteCopy)
	for _, base := range []uintptr{v, reads, copies} {
		expect(t, base, Reserve, 0, size)
	}
	if trapping() {
		for _, touch := range []func(){func() { *at(v) = 1 }, func() { sink = *at(reads) }, func() { *at(copies) = 1 }} {
			if !unreachable(touch) {
				t.Error("a reserved page can be touched")
			}
		}
		expect(t, v, Reserve, 0, size)
	} else {
		t.Log("not tried: the kernel gives this process no userfaultfd")
	}
	commit(t, v+2*pageSize, 3*pageSize, ReadOnly)
	for base, p := range map[uintptr]Protection{v: ReadOnly, reads: ReadOnly, copies: WriteCopy} {
		expect(t, base, Reserve, 0, 2*pageSize)
		expect(t, base+2*pageSize, Commit, p, 3*pageSize)
		expect(t, base+5*pageSize, Reserve, 0, size-5*pageSize)
	}
	commit(t, v+2*pageSize, pageSize, ReadWrite)
	*at(v + 2*pageSize) = 7
	if *at(reads + 2*pageSize) != 7 || *at(copies + 2*pageSize) != 7 {
		t.Error("another view shows something else")
	}
	// A commit by a view that reads leaves what is there.
	commit(t, reads, 4*pageSize, ReadOnly)
	if *at(v + 2*pageSize) != 7 {
		t.Error("the second commit took the content away")
	}
	_, err := Protect(v+6*pageSize, pageSize, ReadOnly)
	number(t, errs.InvalidAddress, err)
	number(t, errs.NoAccess, Lock(v+6*pageSize, pageSize))
}

var sink byte

// trapping says whether the kernel lets reserved pages fault.
func trapping() bool {
	faults.Do(openFaults)
	return faults.fd >= 0
}

// The role of a process that the kernel gives no userfaultfd.
var _ = testkit.Role("without userfaultfd", func(self *testkit.Self) {
	self.Must(testkit.Forbid(unix.EPERM, unix.SYS_USERFAULTFD))
	h := layout.Header{Type: layout.Section, Size: 1 << 20, Protection: uint32(access.ReadWrite), Flags: layout.FlagReserve}
	h.PlaceData()
	o, err := backing.CreateUnnamed(h, backing.BuildMemory)
	self.Must(err)
	v, err := Map(mapping.Section{Object: o, File: o.FD, Rights: access.ReadWrite.Usual()}, Wanted{Protection: ReadWrite})
	self.Must(err)
	for range 2 {
		i, err := Query(v)
		self.Must(err)
		self.Say("%#x", i.State)
		*at(v) = 1
	}
})

// Where a touch cannot be kept from committing a page, it is committed for everybody.
func TestReserveWithoutUserfaultfd(t *testing.T) {
	child := testkit.Start(t, "without userfaultfd")
	child.Expect("0x2000")
	child.Expect("0x1000")
	child.End()
}

// A page that was written while it was copy-on-write is the view's own for good; others
// show the section's again when they are no longer copy-on-write.
func TestPagesBecomeCopyOnWriteAndBack(t *testing.T) {
	file, path := fileSection(t, int64(4*pageSize))
	for name, s := range map[string]mapping.Section{"memory": memorySection(t, int64(4*pageSize), 0), "file": file} {
		v, other := view(t, s, ReadWrite), view(t, s, ReadWrite)
		protect := func(p, want Protection) {
			t.Helper()
			if old, err := Protect(v, 4*pageSize, p); err != nil || old != want {
				t.Errorf("%s: the old protection is %#x, %v, want %#x", name, uint32(old), err, uint32(want))
			}
		}
		protect(WriteCopy, ReadWrite)
		*at(v + pageSize) = 1
		expect(t, v, Commit, WriteCopy, pageSize)
		expect(t, v+pageSize, Commit, ReadWrite, pageSize)
		expect(t, v+2*pageSize, Commit, WriteCopy, 2*pageSize)
		protect(ReadOnly, WriteCopy)
		expect(t, v, Commit, ReadOnly, 4*pageSize)
		if !unreachable(func() { *at(v + pageSize) = 2 }) {
			t.Errorf("%s: a page that may only be read was written", name)
		}
		protect(ReadWrite, ReadOnly)
		*at(v), *at(v + pageSize), *at(other + 2*pageSize) = 3, 4, 5
		if got := []byte{*at(other), *at(other + pageSize), *at(v + 2*pageSize)}; !bytes.Equal(got, []byte{3, 0, 5}) {
			t.Errorf("%s: the views show %v, want 3, 0, 5", name, got)
		}
	}
	if b, err := os.ReadFile(path); err != nil || b[0] != 3 || b[pageSize] != 0 {
		t.Errorf("the file has %d and %d, %v", b[0], b[pageSize], err)
	}
}

// A view that was mapped copy-on-write stays that, and shows its own pages.
func TestCopyOnWriteView(t *testing.T) {
	s := memorySection(t, int64(2*pageSize), 0)
	v, other := view(t, s, WriteCopy), view(t, s, ReadWrite)
	*at(v) = 1
	if _, err := Protect(v, 2*pageSize, ReadOnly); err != nil {
		t.Fatal(err)
	}
	_, err := Protect(v, pageSize, ReadWrite)
	number(t, errs.InvalidParameter, err)
	if _, err := Protect(v, 2*pageSize, WriteCopy); err != nil {
		t.Fatal(err)
	}
	*at(other + pageSize) = 2
	expect(t, v, Commit, ReadWrite, pageSize)
	expect(t, v+pageSize, Commit, WriteCopy, pageSize)
	if *at(v) != 1 || *at(other) != 0 || *at(v + pageSize) != 2 {
		t.Error("the view has lost its page, or shows it to others, or does not show what others write")
	}
	// To keep pages in memory copies none.
	if err := Lock(v, 2*pageSize); err != nil {
		t.Skipf("not applicable: %v", err)
	}
	expect(t, v+pageSize, Commit, WriteCopy, pageSize)
	number(t, 0, Unlock(v, 2*pageSize))
	number(t, errs.NotLocked, Unlock(v, 2*pageSize))
}

// What is locked is forgotten with the view, and kept when pages are mapped anew.
func TestLocksGoWithTheView(t *testing.T) {
	s := memorySection(t, int64(2*pageSize), 0)
	v, err := Map(s, Wanted{Protection: ReadWrite})
	check(t, err)
	check(t, Lock(v, 2*pageSize))
	_, err = Protect(v, pageSize, WriteCopy)
	check(t, err)
	if n := lockedBytes(t, v); n != 2*pageSize {
		t.Errorf("the kernel has %d bytes of the view locked, want %d", n, 2*pageSize)
	}
	check(t, Unmap(v))
	again, err := Map(s, Wanted{Protection: ReadWrite, Base: v})
	check(t, err)
	defer func() { check(t, Unmap(again)) }()
	number(t, errs.NotLocked, Unlock(again, pageSize))
}

// lockedBytes is how much of the 64 KiB from an address on the kernel keeps in memory.
func lockedBytes(t *testing.T, address uintptr) (n uintptr) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/smaps")
	check(t, err)
	inside := false
	for line := range strings.Lines(string(b)) {
		var from, to, kib uintptr
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err == nil && strings.Contains(strings.Fields(line)[0], "-") {
			inside = from >= address && to <= address+Granularity
		}
		if _, err := fmt.Sscanf(line, "Locked: %d", &kib); err == nil && inside {
			n += kib << 10
		}
	}
	return n
}

// The rest of the last 64 KiB of a view is nobody's, and free to who asks.
func TestTheRestOfTheGranule(t *testing.T) {
	v := view(t, memorySection(t, int64(pageSize), 0), ReadWrite)
	i, err := Query(v + pageSize)
	check(t, err)
	if i.State != Free || i.Base != v+pageSize || i.Size < Granularity-pageSize && pageSize < Granularity || i.Protect != NoAccess {
		t.Errorf("behind the view is %+v", i)
	}
	_, err = Alloc(v+pageSize, pageSize, Reserve, ReadWrite)
	number(t, errs.InvalidAddress, err)
	number(t, errs.InvalidAddress, Unmap(v+pageSize))
	for range 100 {
		m, err := unix.MmapPtr(-1, 0, nil, pageSize, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		check(t, err)
		defer func() { _ = unix.MunmapPtr(m, pageSize) }()
		if uintptr(m)-v < Granularity {
			t.Fatalf("the kernel gives %p to somebody else, behind the view at %#x", m, v)
		}
	}
}

// Query goes through all there is, without a gap, and ends.
func TestQueryEverywhere(t *testing.T) {
	v := view(t, memorySection(t, int64(pageSize), 0), ReadWrite)
	seen := 0
	for address := uintptr(0); address < top(); {
		i, err := Query(address)
		check(t, err)
		if i.Base != address || i.Size == 0 || i.Base+i.Size > top() {
			t.Fatalf("at %#x there is %+v", address, i)
		}
		if i.AllocationBase == v {
			seen++
		}
		address += i.Size
	}
	if seen != 1 {
		t.Errorf("the view was seen %d times", seen)
	}
	_, err := Query(top())
	number(t, errs.InvalidParameter, err)
}

// Areas: reserved, committed, given back.
func TestAreas(t *testing.T) {
	a, err := Alloc(0, 3*pageSize, Reserve, ReadWrite)
	check(t, err)
	expect(t, a, Reserve, 0, 3*pageSize)
	commit(t, a+pageSize, pageSize, ReadWrite)
	*at(a + pageSize) = 7
	expect(t, a+pageSize, Commit, ReadWrite, pageSize)
	old, err := Protect(a+pageSize, pageSize, NoAccess)
	if err != nil || old != ReadWrite || !unreachable(func() { sink = *at(a + pageSize) }) {
		t.Errorf("protection %#x, %v, or it can be read", uint32(old), err)
	}
	_, err = Protect(a, pageSize, ReadWrite)
	number(t, errs.InvalidAddress, err)
	_, err = Protect(a+pageSize, pageSize, WriteCopy)
	number(t, errs.InvalidParameter, err)
	number(t, 0, ReleasePages(a+pageSize, pageSize, Decommit))
	commit(t, a, 3*pageSize, ReadOnly)
	if *at(a + pageSize) != 0 {
		t.Error("what was given back comes again")
	}
	number(t, errs.InvalidAddress, Unmap(a))
	number(t, errs.InvalidAddress, Flush(a, 0))
	number(t, errs.InvalidAddress, ReleasePages(a+pageSize, 0, Release))
	number(t, errs.InvalidParameter, ReleasePages(a, pageSize, Release))
	number(t, errs.InvalidParameter, ReleasePages(a, 4*pageSize, Decommit))
	number(t, 0, ReleasePages(a, 0, Release))
	number(t, errs.InvalidAddress, ReleasePages(a, 0, Release))
	for _, kind := range []uint32{0, Reset | Commit, 1 << 31, 4} {
		_, err := Alloc(0, pageSize, kind, ReadWrite)
		number(t, errs.InvalidParameter, err)
	}
	_, err = Alloc(0, pageSize, large|Commit|Reserve, ReadWrite)
	number(t, errs.PrivilegeNotHeld, err)
}

// Whatever many do with views at once, nothing is left, and every answer is one that
// can be.
func TestHammer(t *testing.T) {
	file, _ := fileSection(t, int64(3*pageSize))
	sections := []mapping.Section{memorySection(t, int64(5*pageSize), 0), memorySection(t, 1<<20, layout.FlagReserve), file}
	view(t, sections[1], ReadOnly) // its descriptor is there before they are counted
	descriptors, mappings := len(testkit.Descriptors()), countMapped(t, "")
	bases := make(chan uintptr, 64)
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(n)))
			for range 300 {
				s := sections[random.IntN(len(sections))]
				v, err := Map(s, Wanted{Protection: []Protection{ReadWrite, WriteCopy, ReadOnly, NoAccess}[random.IntN(4)]})
				if err != nil {
					t.Error(err)
					return
				}
				bases <- v
				abuse(random, v)
				if got := <-bases; Unmap(got+uintptr(random.IntN(int(pageSize)))) != nil {
					t.Errorf("the view at %#x is gone", got)
				}
			}
		})
	}
	all.Wait()
	if n := len(testkit.Descriptors()); n != descriptors {
		t.Errorf("%d descriptors, before %d", n, descriptors)
	}
	if n := countMapped(t, ""); n > mappings+20 { // the runtime's own
		t.Errorf("%d mappings, before %d", n, mappings)
	}
	for _, what := range []string{"memfd:atoll:section", "/file"} {
		if n := countMapped(t, what); what == "/file" && n != 0 || n > 1 {
			t.Errorf("%s is mapped %d times", what, n)
		}
	}
}

// abuse does with a view what may be refused, because another has unmapped it.
func abuse(random *rand.Rand, v uintptr) {
	for range 4 {
		p := v + uintptr(random.IntN(int(3*pageSize)))
		_, _ = Query(p)
		_, _ = Protect(p, pageSize, Protection(1)<<random.IntN(4))
		_, _ = Alloc(p, pageSize, Commit, ReadOnly)
		_ = Flush(p, 0)
		_ = Lock(p, 1)
		_ = Unlock(p, 1)
	}
}

func countMapped(t *testing.T, what string) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	check(t, err)
	n := 0
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, what) {
			n++
		}
	}
	return n
}

// No address and no length that a caller makes up does harm.
func FuzzArguments(f *testing.F) {
	for _, a := range []uint64{0, 1, 0xFFF, 0x10000, 0xdeadbeef, 1<<47 - 1, 1 << 47, 1 << 63, 1<<64 - 1, 1<<64 - 4096} {
		for _, n := range []uint64{0, 1, 4096, 1 << 46, 1 << 63, 1<<64 - 1} {
			f.Add(a, n, uint32(4), uint32(Commit), int8(0))
			f.Add(a, n, uint32(0x104), uint32(Reserve|Commit), int8(1))
		}
	}
	s := memorySection(f, 1<<20, layout.FlagReserve)
	f.Fuzz(func(t *testing.T, a64, n64 uint64, p32, kind uint32, near int8) {
		a, n, p := uintptr(a64), uintptr(n64), Protection(p32)
		v, err := Map(s, Wanted{Protection: ReadWrite})
		check(t, err)
		defer func() { _ = Unmap(v) }()
		if near != 0 { // near the view, and of its size
			a, n = v+uintptr(int(near))*1024+a%16, n%(1<<21)
		}
		if i, err := Query(a); err == nil && (i.Size == 0 || i.Base > a || i.Base+i.Size <= a) {
			t.Errorf("at %#x there is %+v", a, i)
		}
		_, _ = Protect(a, n, p)
		if got, err := Alloc(a, min(n, 1<<30), kind, p); err == nil && kind&Reserve != 0 {
			check(t, ReleasePages(got, 0, Release))
		}
		_ = ReleasePages(a, n, kind)
		_ = Flush(a, n)
		if n < 1<<20 && Lock(a, n) == nil {
			check(t, Unlock(a, n))
		}
		_ = Unlock(a, n)
		_ = Prefetch(a, n)
		if got, err := Map(s, Wanted{Protection: p, Base: a, Offset: n64, Length: n}); err == nil {
			check(t, Unmap(got))
		}
		_ = Unmap(a)
	})
}
