//go:build linux

package kernel32

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/backing"
	"atoll/internal/errs"
	"atoll/internal/onlinux"
	"atoll/internal/testkit"
	"atoll/internal/views"
)

const (
	readWrite = uint32(views.ReadWrite)
	onlyRead  = uint32(views.ReadOnly)
)

// newSection makes a section of memory.
func newSection(protection uint32, size uint64, name string) (Handle, error) {
	return CreateFileMapping(Mapping{File: CurrentProcess, Protection: protection, Size: size, Name: name, Node: backing.NoNode})
}

// aSection is newSection for one that is closed when the test ends.
func aSection(t *testing.T, protection uint32, size uint64, name string) Handle {
	t.Helper()
	h, err := newSection(protection, size, name)
	number(t, 0, err)
	t.Cleanup(func() { number(t, 0, CloseHandle(h)) })
	return h
}

func aView(t *testing.T, h Handle, asked access.Mask) uintptr {
	t.Helper()
	v, err := MapViewOfFile(h, asked, 0, 0, 0)
	number(t, 0, err)
	t.Cleanup(func() { _ = views.Unmap(v) })
	return v
}

func at(address uintptr) *byte { return *(**byte)(unsafe.Pointer(&address)) }

// aFile is a file of zeros that can be read and written.
func aFile(t *testing.T) Handle {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	const openExisting = 3
	h, err := CreateFile(path, access.GenericRead|access.GenericWrite, 7, nil, openExisting, 0)
	number(t, 0, err)
	t.Cleanup(func() { number(t, 0, CloseHandle(h)) })
	return h
}

// What becomes of each combination of attributes, for memory and for a file that is no
// program.
func TestSectionAttributes(t *testing.T) {
	const file = 0x00800000
	f := aFile(t)
	for attributes, want := range map[uint32][2]uint32{
		0:                             {0, 0},
		secCommit:                     {0, 0},
		secReserve:                    {0, 0},
		secCommit | secReserve:        {87, 87},
		secCommit | secNoCache:        {0, 0},
		secCommit | secWriteCombine:   {0, 0},
		secReserve | secNoCache:       {0, 0},
		secReserve | secWriteCombine:  {0, 0},
		secNoCache:                    {87, 87},
		secWriteCombine:               {87, 87},
		secLargePages:                 {87, 87},
		secReserve | secLargePages:    {87, 87},
		secCommit | secLargePages:     {87, 87}, // of a size that is no multiple
		secImage:                      {193, 193},
		secImage | secCommit:          {87, 87},
		secImage | secReserve:         {87, 87},
		secImage | secNoCache:         {193, 193},
		secImage | secLargePages:      {87, 87},
		secImage | secWriteCombine:    {87, 87},
		file:                          {87, 87},
		file | secCommit:              {87, 87},
		file | secImage:               {87, 87},
		1<<25 | secCommit:             {87, 87},
		1<<29 | secCommit:             {87, 87},
		1<<22 | secCommit:             {87, 87}, // no attribute, and no protection
		uint32(views.Guard):           {87, 87},
		uint32(views.NoCache):         {87, 87},
		uint32(views.Execute):         {87, 87},
		secCommit | 1<<31 | 1<<30:     {87, 87},
		secMask:                       {87, 87},
		secMask &^ (file | secCommit): {87, 87},
	} {
		for i, over := range []Handle{CurrentProcess, f} {
			h, err := CreateFileMapping(Mapping{File: over, Protection: readWrite | attributes, Size: 4096, Node: backing.NoNode})
			if errs.Number(err) != want[i] || (h != 0) != (err == nil) {
				t.Errorf("%#x over %#x: handle %#x, %v (%d), want %d", attributes, over, h, err, errs.Number(err), want[i])
			}
			if h != 0 {
				number(t, 0, CloseHandle(h))
			}
		}
	}
}

// The file that a create names means nothing if the section is there already.
func TestSectionThatExistsOverSomethingElse(t *testing.T) {
	const name = "over something else"
	f := aFile(t)
	other := aFile(t)
	over := func(file Handle) (Handle, error) {
		return CreateFileMapping(Mapping{File: file, Protection: readWrite, Size: 4096, Name: name, Node: backing.NoNode})
	}
	h, err := over(f)
	number(t, 0, err)
	defer func() { number(t, 0, CloseHandle(h)) }()
	v := aView(t, h, access.Write)
	*at(v) = 7
	for _, file := range []Handle{other, CurrentProcess, f} {
		again, err := over(file)
		number(t, errs.AlreadyExists, err)
		if w := aView(t, again, access.Read); *at(w) != 7 {
			t.Error("it is another section")
		}
		number(t, 0, CloseHandle(again))
	}
}

// A preferred node is one that the machine has.
func TestSectionOnANode(t *testing.T) {
	for node, want := range map[uint32]uint32{0: 0, backing.NoNode: 0, 5000: 87, backing.NoNode - 1: 87} {
		h, err := CreateFileMapping(Mapping{File: CurrentProcess, Protection: readWrite, Size: 4096, Node: node})
		number(t, want, err)
		if h != 0 {
			number(t, 0, CloseHandle(h))
		}
	}
}

// The role of a process that shares reserved memory, and is killed with its view.
var _ = testkit.Role("reserved sharer", func(self *testkit.Self) {
	h, err := OpenFileMapping(access.Read|access.Write, false, self.Args[0])
	self.Must(err)
	v, err := MapViewOfFile(h, access.Write, 0, 0, 0)
	self.Must(err)
	for {
		i, err := views.Query(v + 65536)
		self.Must(err)
		self.Say("%#x", i.State)
		if _, more := self.Hear(); !more {
			return
		}
		_, err = views.Alloc(v+65536, 4096, views.Commit, views.ReadWrite)
		self.Must(err)
		*at(v + 65536)++
	}
})

// What one process commits is committed in the other, which sees what is written there,
// also when the one was killed with its view; and nothing is left of it.
func TestReservedMemoryOfTwoProcesses(t *testing.T) {
	const name = "reserved"
	h, err := newSection(readWrite|secReserve, 1<<20, name)
	number(t, 0, err)
	v := aView(t, h, access.Read)
	child := testkit.Start(t, "reserved sharer", name)
	child.Expect("0x2000")
	if i, err := views.Query(v); err != nil || i.State != views.Reserve || i.Size != 1<<20 {
		t.Errorf("%+v, %v", i, err)
	}
	child.Tell("go on")
	child.Expect("0x1000")
	if i, err := views.Query(v + 65536); err != nil || i.State != views.Commit || i.Size != uintptr(os.Getpagesize()) || *at(v + 65536) != 1 {
		t.Errorf("%+v, %v", i, err)
	}
	number(t, 0, CloseHandle(h)) // the child has it
	child.Kill()
	if *at(v + 65536) != 1 {
		t.Error("what it wrote is gone")
	}
	_, err = OpenFileMapping(access.Read, false, name)
	number(t, errs.FileNotFound, err)
	number(t, 0, views.Unmap(v))
}

// What package atoll commits in a section of its own making is committed here.
func TestReservedMemoryOfPackageAtoll(t *testing.T) {
	const name = "reserved by atoll"
	s, _, err := onlinux.OpenSection(name, onlinux.MustCreate, onlinux.SectionOptions{Size: 1 << 20, Protection: access.ReadWrite, Reserve: true})
	number(t, 0, err)
	defer func() { number(t, 0, s.Close()) }()
	w, err := s.Map(0, 0, 65536, 65536)
	number(t, 0, err)
	defer func() { number(t, 0, w.Close()) }()
	h, err := OpenFileMapping(access.Read|access.Write, false, name)
	number(t, 0, err)
	defer func() { number(t, 0, CloseHandle(h)) }()
	v := aView(t, h, access.Write)
	number(t, 0, w.Commit(0, 4096))
	page := uintptr(os.Getpagesize())
	for address, want := range map[uintptr]uint32{v: views.Reserve, v + 65536: views.Commit, v + 65536 + page: views.Reserve} {
		if i, err := views.Query(address); err != nil || i.State != want {
			t.Errorf("at %#x: %+v, %v, want state %#x", address-v, i, err, want)
		}
	}
	*at(v + 65536) = 7
	if w.Bytes()[0] != 7 {
		t.Error("they show different memory")
	}
}

// A name goes with the last handle, and the memory with the last view.
func TestNameAndMemoryOfSections(t *testing.T) {
	const name = "outlived"
	h, err := newSection(readWrite, 4096, name)
	number(t, 0, err)
	v := aView(t, h, access.Write)
	*at(v) = 7
	number(t, 0, CloseHandle(h))
	_, err = MapViewOfFile(h, access.Read, 0, 0, 0)
	number(t, errs.InvalidHandle, err)
	other := aSection(t, readWrite, 4096, name)
	if w := aView(t, other, access.Read); *at(w) != 0 || *at(v) != 7 {
		t.Error("the old section and the new one are one")
	}
}

// Sections come and go in many goroutines, under few names, while others open and map
// them: nothing is left, and each view shows memory.
func TestSectionHammer(t *testing.T) {
	warm := aView(t, aSection(t, readWrite|secReserve, 4096, ""), access.Read)
	_ = warm
	before := len(testkit.Descriptors())
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(2, uint64(n)))
			for range 100 {
				name := fmt.Sprint("hammer ", random.IntN(3))
				h, err := newSection(readWrite|[]uint32{0, secReserve}[random.IntN(2)], 8192, name)
				if h == 0 {
					t.Errorf("create: %v", err)
					return
				}
				mapped, err := MapViewOfFile(h, access.Write, 0, 0, 0)
				number(t, 0, CloseHandle(h))
				if err != nil {
					t.Errorf("map: %v", err)
					return
				}
				if _, err := views.Alloc(mapped, 1, views.Commit, views.ReadWrite); err != nil {
					t.Errorf("commit: %v", err)
				}
				*at(mapped + uintptr(n)) = byte(n)
				number(t, 0, views.Unmap(mapped+uintptr(random.IntN(8192))))
				if o, err := OpenFileMapping(access.Read, false, name); err == nil {
					number(t, 0, CloseHandle(o))
				}
			}
		})
	}
	all.Wait()
	if now := len(testkit.Descriptors()); now > before+2 { // the directory
		t.Errorf("%d descriptors, before %d", now, before)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	number(t, 0, err)
	if strings.Contains(string(maps), "hammer") {
		t.Errorf("still mapped:\n%s", maps)
	}
}

// Over a file: the handle may be closed at once, and what a section imposes on its file
// lasts as long as its last view.
func TestSectionKeepsItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	const openExisting, truncateExisting = 3, 5
	truncate := func() (Handle, error) {
		return CreateFile(path, access.GenericRead|access.GenericWrite, 7, nil, truncateExisting, 0)
	}
	f, err := CreateFile(path, access.GenericRead, 7, nil, openExisting, 0)
	number(t, 0, err)
	h, err := CreateFileMapping(Mapping{File: f, Protection: onlyRead, Node: backing.NoNode})
	number(t, 0, err)
	number(t, 0, CloseHandle(f))
	var again Handle
	number(t, 0, DuplicateHandle(CurrentProcess, h, CurrentProcess, &again, 0, false, SameAccess))
	number(t, 0, CloseHandle(h))
	_, err = truncate()
	number(t, errs.UserMappedFile, err)
	v := aView(t, again, access.Read)
	number(t, 0, CloseHandle(again))
	_, err = truncate()
	number(t, errs.UserMappedFile, err)
	number(t, 0, views.Unmap(v))
	f, err = truncate()
	number(t, 0, err)
	number(t, 0, CloseHandle(f))
}

// The role of a process with large pages of its own.
var _ = testkit.Role("large pages", func(self *testkit.Self) {
	dir := self.Args[0]
	self.Must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	self.Must(unix.Mount("tmpfs", dir, "tmpfs", 0, "huge=advise"))
	self.Must(os.Setenv("ATOLL_ROOT", dir))
	const size = 4 << 20
	h, err := newSection(readWrite|secCommit|secLargePages, size, "large")
	self.Must(err)
	for _, asked := range []access.Mask{access.Write, access.Write | mapLargePages} {
		v, err := MapViewOfFile(h, asked, 0, 0, 0)
		self.Must(err)
		*at(v) = 7
		self.Say("%d", v%(2<<20))
		part, err := MapViewOfFile(h, asked, 1<<20, 2<<20, 0)
		self.Must(err)
		self.Say("%d", part%(2<<20)-1<<20)
		self.Must(errors.Join(views.Unmap(v), views.Unmap(part)))
	}
	self.Must(CloseHandle(h))
	small, err := newSection(readWrite, size, "")
	self.Must(err)
	_, err = MapViewOfFile(small, access.Write|mapLargePages, 0, 0, 0)
	self.Say("%d", errs.Number(err))
	self.Must(CloseHandle(small))
})

// Views of large pages lie where the processor can use them.
func TestSectionOfLargePages(t *testing.T) {
	testkit.NeedRoot(t)
	cmd := testkit.Command("large pages", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	child := testkit.StartCommand(t, cmd)
	for _, want := range []string{"0", "0", "0", "0", "87"} {
		child.Expect(want)
	}
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
}

// All that can be asked of all sections: what the view becomes, or the error, for the
// creator's handle, and for one that may do everything.
func TestViewsOfAllProtections(t *testing.T) {
	const x, c, r, w, all, old = mapExecute, mapCopy, mapRead, mapWrite, access.Mask(0xF001F), access.Mask(0x8)
	const na, ro, rw, wc, xr, xrw, xwc = views.NoAccess, views.ReadOnly, views.ReadWrite, views.WriteCopy, views.ExecuteRead, views.ExecuteReadWrite, views.ExecuteWriteCopy
	asked := map[access.Mask]views.Protection{
		0: na, c: wc, w: rw, w | c: rw, r: ro, r | c: ro, r | w: rw, r | w | c: rw, all: rw,
		x: na, x | c: xwc, x | w: xrw, x | w | c: xrw, x | r: xr, x | r | c: xr, x | r | w: xrw, x | all: xrw,
		old: na, old | c: na, old | r: ro, old | w: rw, old | x: na, old | x | c: na, old | x | r: xr,
		mapReserve | r: ro, mapNoTargets | w: rw,
	}
	allowed := map[views.Protection][]views.Protection{
		ro: {na, wc, ro}, wc: {na, wc, ro}, rw: {na, wc, ro, rw},
		xr: {na, wc, ro, xr, xwc}, xwc: {na, wc, ro, xr, xwc}, xrw: {na, wc, ro, rw, xr, xwc, xrw},
	}
	for of, views := range allowed {
		name := fmt.Sprintf("of protection %#x", uint32(of))
		creator := aSection(t, uint32(of), 4096, name)
		opened, err := OpenFileMapping(all, false, name)
		number(t, 0, err)
		for mask, p := range asked {
			for h, refusal := range map[Handle]uint32{creator: 5, opened: 87} {
				if slices.Contains(views, p) {
					refusal = 0
				}
				checkView(t, h, mask, p, refusal)
			}
		}
		number(t, 0, CloseHandle(opened))
	}
}

func checkView(t *testing.T, h Handle, mask access.Mask, p views.Protection, refusal uint32) {
	t.Helper()
	v, err := MapViewOfFile(h, mask, 0, 0, 0)
	if errs.Number(err) != refusal {
		t.Errorf("asked for %#x: %v (%d), want %d", uint32(mask), err, errs.Number(err), refusal)
	}
	if v == 0 {
		return
	}
	if i, err := views.Query(v); err != nil || i.Protect != p || i.AllocationProtect != p {
		t.Errorf("asked for %#x: %+v, %v, want protection %#x", uint32(mask), i, err, uint32(p))
	}
	number(t, 0, views.Unmap(v))
}
