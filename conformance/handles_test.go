package conformance

import (
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"atoll/win32"
)

func TestHandles(t *testing.T) { run(t, handles) }

// event makes an event without a name.
func (t *T) event() win32.Handle { return t.Fresh(win32.CreateEvent(nil, 1, 0, win32.NullName)) }

// duplicateOf duplicates a handle within this process.
func (t *T) duplicateOf(source win32.Handle, access uint32, inherit bool, options uint32) win32.Handle {
	var h win32.Handle
	err := win32.DuplicateHandle(win32.GetCurrentProcess(), source, win32.GetCurrentProcess(), &h, access, inherit, options)
	return t.Handle(h, err)
}

// flagsOf are those of a handle.
func (t *T) flagsOf(h win32.Handle) uint32 {
	flags := ^uint32(0)
	t.OK(win32.GetHandleInformation(h, &flags))
	return flags
}

// protect protects a handle, until the line ends.
func (t *T) protect(h win32.Handle) {
	const flag = win32.HANDLE_FLAG_PROTECT_FROM_CLOSE
	t.OK(win32.SetHandleInformation(h, flag, flag))
	t.Cleanup(func() { _ = win32.SetHandleInformation(h, flag, 0) })
}

// grantedTo is what a handle may do.
func (t *T) grantedTo(h win32.Handle) uint32 {
	var i win32.OBJECT_BASIC_INFORMATION
	t.OK(win32.NtQueryObject(h, win32.ObjectBasicInformation, uintptr(unsafe.Pointer(&i)), uint32(unsafe.Sizeof(i)), nil))
	return i.GrantedAccess
}

// Equal demands a value.
func (t *T) Equal(want, got uint32, what string) {
	if got != want {
		t.Errorf("%s %#x, want %#x", what, got, want)
	}
}

// open opens a file for reading that exists.
func (t *T) open(path string) win32.Handle {
	return t.Handle(win32.CreateFile(path, win32.GENERIC_READ, win32.FILE_SHARE_READ|win32.FILE_SHARE_WRITE, nil, win32.OPEN_EXISTING, win32.FILE_ATTRIBUTE_NORMAL, 0))
}

// ordinaryFile makes a file of some bytes, which goes when the line ends.
func (t *T) ordinaryFile() string {
	dir, err := os.MkdirTemp("", "atoll-conformance-")
	t.OK(err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "file")
	t.OK(os.WriteFile(path, []byte("some bytes"), 0o600))
	return path
}

// never is a value that no handle had.
const never win32.Handle = 0xdeadbee0

var handles = []line{
	{
		id: "C234", says: "CloseHandle(valid) → TRUE; second CloseHandle → FALSE, 6", source: "sdk:closehandle (D)",
		check: func(t *T) {
			h := t.Stale()
			t.Err(win32.ERROR_INVALID_HANDLE, win32.CloseHandle(h))
			t.Err(win32.ERROR_INVALID_HANDLE, win32.CloseHandle(0))
			t.Err(win32.ERROR_INVALID_HANDLE, win32.CloseHandle(never))
		},
	},
	{
		id: "C236", says: "protected handle → CloseHandle → FALSE, 6; still usable", source: "sdk:sethandleinformation; map (D)(W map)",
		check: func(t *T) {
			h := t.event()
			t.protect(h)
			t.Err(win32.ERROR_INVALID_HANDLE, win32.CloseHandle(h))
			t.OK(win32.SetEvent(h))
			t.WaitGives(win32.WAIT_OBJECT_0)(win32.WaitForSingleObject(h, 0))
			t.OK(win32.SetHandleInformation(h, win32.HANDLE_FLAG_PROTECT_FROM_CLOSE, 0))
			t.Close(h)
		},
	},
	{
		id: "C237", says: "handle|1, |2, |3 → WaitForSingleObject → same result as handle", source: "test_WaitForSingleObject (W)",
		check: func(t *T) {
			h := t.event()
			for low := range win32.Handle(4) {
				t.WaitGives(win32.WAIT_TIMEOUT)(win32.WaitForSingleObject(h|low, 0))
			}
			t.OK(win32.SetEvent(h | 1))
			for low := range win32.Handle(4) {
				t.WaitGives(win32.WAIT_OBJECT_0)(win32.WaitForSingleObject(h|low, 0))
			}
		},
	},
	{
		id: "C238", says: "invalid 0xdeadbee0 (+1..3) → WaitForSingleObject → WAIT_FAILED, 6", source: "test_WaitForSingleObject (W)",
		check: func(t *T) {
			for low := range win32.Handle(4) {
				t.WaitFails(win32.ERROR_INVALID_HANDLE)(win32.WaitForSingleObject(never|low, 0))
			}
		},
	},
	{
		id: "C240", says: "protected source, CLOSE_SOURCE → TRUE, out ≠ source, source still open", source: "test_DuplicateHandle (W)",
		check: func(t *T) {
			h := t.event()
			t.protect(h)
			out := t.duplicateOf(h, 0, false, win32.DUPLICATE_SAME_ACCESS|win32.DUPLICATE_CLOSE_SOURCE)
			if out == h {
				t.Errorf("out and source are %#x", h)
			}
			t.Equal(win32.HANDLE_FLAG_PROTECT_FROM_CLOSE, t.flagsOf(h), "the source's flags")
			t.Equal(0, t.flagsOf(out), "flags")
			t.OK(win32.SetEvent(h))
			t.WaitGives(win32.WAIT_OBJECT_0)(win32.WaitForSingleObject(out, 0))
		},
	},
	{
		id: "C241", says: "DuplicateHandle(inherit TRUE) → GetHandleInformation = 1", source: "test_DuplicateHandle (W)",
		check: func(t *T) {
			h := t.event()
			t.Equal(win32.HANDLE_FLAG_INHERIT, t.flagsOf(t.duplicateOf(h, 0, true, win32.DUPLICATE_SAME_ACCESS)), "flags")
			t.Equal(0, t.flagsOf(t.duplicateOf(h, 0, false, win32.DUPLICATE_SAME_ACCESS)), "flags")
			t.Equal(0, t.flagsOf(h), "the source's flags")
		},
	},
	{
		id: "C242", says: "SAME_ATTRIBUTES with source flags 3, inherit FALSE → out flags 3", source: "test_DuplicateHandle (W)",
		gap: gaps{onWine: "Wine 8 takes inheritance from the argument, even with SAME_ATTRIBUTES"},
		check: func(t *T) {
			h := t.event()
			t.protect(h)
			t.OK(win32.SetHandleInformation(h, win32.HANDLE_FLAG_INHERIT, win32.HANDLE_FLAG_INHERIT))
			const same = win32.DUPLICATE_SAME_ACCESS | win32.DUPLICATE_SAME_ATTRIBUTES
			out := t.duplicateOf(h, 0, false, same)
			t.Equal(3, t.flagsOf(out), "flags")
			t.protect(out) // as it is, to be closed
			// A pseudo-handle has none.
			t.Equal(0, t.flagsOf(t.duplicateOf(win32.GetCurrentProcess(), 0, true, same)), "flags")
		},
	},
	{
		id: "C244", says: "DuplicateHandle(GetCurrentProcess()) → real handle ≠ −1", source: "test_DuplicateHandle (W)",
		check: func(t *T) {
			h := t.duplicateOf(win32.GetCurrentProcess(), 0, false, win32.DUPLICATE_SAME_ACCESS)
			if h == win32.GetCurrentProcess() {
				t.Errorf("it is the pseudo-handle")
			}
			id, err := win32.GetProcessId(h)
			t.OK(err)
			t.Equal(win32.GetCurrentProcessId(), id, "process")
		},
	},
	{
		id: "C245", says: "CLOSE_SOURCE on pseudo-handle → TRUE", source: "test_DuplicateHandle (W)",
		check: func(t *T) {
			for range 2 {
				h := t.duplicateOf(win32.GetCurrentProcess(), 0, false, win32.DUPLICATE_SAME_ACCESS|win32.DUPLICATE_CLOSE_SOURCE)
				t.OK(win32.CompareObjectHandles(h, win32.GetCurrentProcess()))
			}
		},
	},
	{
		id: "C246", says: "lowest closed slot is returned by the next DuplicateHandle", source: "test_DuplicateHandle (W)",
		check: func(t *T) {
			// Go's runtime opens and closes handles of its own meanwhile, on Windows.
			var out win32.Handle
			for range 20 {
				var filler [64]win32.Handle
				for i := range filler { // whatever is free below
					filler[i] = t.event()
				}
				h := filler[len(filler)-1]
				t.Close(h)
				if out = t.duplicateOf(filler[0], 0, false, win32.DUPLICATE_SAME_ACCESS); out == h {
					return
				}
			}
			t.Errorf("it gave %#x", out)
		},
	},
	{
		id: "C248", says: "DuplicateHandle(out = NULL) → TRUE", source: "test_DuplicateHandle (W)",
		gap: gaps{onWine: "with CLOSE_SOURCE it makes a duplicate all the same"},
		check: func(t *T) {
			name := t.Name()
			h := t.Fresh(win32.CreateEvent(nil, 1, 0, name))
			me := win32.GetCurrentProcess()
			t.OK(win32.DuplicateHandle(me, h, me, nil, 0, false, win32.DUPLICATE_SAME_ACCESS))
			// The duplicate is there, and somewhere: look for it.
			t.Close(h)
			again := t.Handle(win32.OpenEvent(win32.SYNCHRONIZE, false, name))
			closed := 0
			for h := win32.Handle(4); h < 1<<13; h += 4 {
				if h != again && win32.CompareObjectHandles(h, again) == nil {
					t.Close(h)
					closed++
				}
			}
			t.Equal(1, uint32(closed), "handles left")
			t.forget(again)
			t.OK(win32.DuplicateHandle(me, again, me, nil, 0, false, win32.DUPLICATE_SAME_ACCESS|win32.DUPLICATE_CLOSE_SOURCE))
			t.NoHandle(win32.ERROR_FILE_NOT_FOUND)(win32.OpenEvent(win32.SYNCHRONIZE, false, name))
		},
	},
	{
		id: "C249", says: "DuplicateHandle(access ~0) → FALSE, 5", source: "test_DuplicateHandle (W†)",
		gap: gaps{onWine: "it duplicates bits that no right has"},
		check: func(t *T) {
			h, me, out := t.event(), win32.GetCurrentProcess(), never
			t.Err(win32.ERROR_ACCESS_DENIED, win32.DuplicateHandle(me, h, me, &out, ^uint32(0), false, 0))
			if out != 0 {
				t.Errorf("out is %#x, want 0", out)
			}
		},
	},
	{
		id: "C250", says: "section handle 0xF000F → DuplicateHandle(GENERIC_ALL) → granted 0xF001F", source: "test_filemap_security (W)",
		check: func(t *T) {
			h := t.Fresh(win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, win32.PAGE_EXECUTE_READWRITE, 0, 4096, win32.NullName))
			t.Equal(0xF000F, t.grantedTo(h), "granted")
			t.Equal(0xF001F, t.grantedTo(t.duplicateOf(h, win32.GENERIC_ALL, false, 0)), "granted")
			t.Equal(0x20005, t.grantedTo(t.duplicateOf(h, win32.GENERIC_READ, false, 0)), "granted")
			t.Equal(0, t.grantedTo(t.duplicateOf(h, 0, false, 0)), "granted")
		},
	},
	{
		id: "C256", says: "CompareObjectHandles(h, duplicate) → TRUE", source: "WT-n/om test_object_identity; sdk:compareobjecthandles (W)(D)",
		check: func(t *T) {
			name := t.Name()
			h := t.Fresh(win32.CreateEvent(nil, 1, 0, name))
			t.OK(win32.CompareObjectHandles(h, t.duplicateOf(h, 0, false, win32.DUPLICATE_SAME_ACCESS)))
			t.OK(win32.CompareObjectHandles(t.Handle(win32.OpenEvent(win32.SYNCHRONIZE, false, name)), h|3))
			f := t.open(t.ordinaryFile())
			t.OK(win32.CompareObjectHandles(f, t.duplicateOf(f, win32.FILE_READ_ATTRIBUTES, false, 0)))
			t.Err(win32.ERROR_INVALID_HANDLE, win32.CompareObjectHandles(h, never))
			t.Err(win32.ERROR_INVALID_HANDLE, win32.CompareObjectHandles(0, h))
		},
	},
	{
		id: "C257", says: "CompareObjectHandles(two CreateFile of one file) → FALSE, 1656", source: "WT-n/om test_object_identity (W)",
		check: func(t *T) {
			path := t.ordinaryFile()
			a, b := t.open(path), t.open(path)
			t.Err(win32.ERROR_NOT_SAME_OBJECT, win32.CompareObjectHandles(a, b))
			section := func(h win32.Handle) win32.Handle {
				return t.Fresh(win32.CreateFileMapping(h, nil, win32.PAGE_READONLY, 0, 0, win32.NullName))
			}
			t.Err(win32.ERROR_NOT_SAME_OBJECT, win32.CompareObjectHandles(section(a), section(a)))
		},
	},
	{
		id: "C413", says: "CompareObjectHandles(event handle without any right, its duplicate) → TRUE", source: "sdk:compareobjecthandles (D)",
		check: func(t *T) {
			h := t.Fresh(win32.CreateEventEx(nil, win32.NullName, 0, 0))
			t.Equal(0, t.grantedTo(h), "granted")
			t.OK(win32.CompareObjectHandles(h, t.duplicateOf(h, 0, false, win32.DUPLICATE_SAME_ACCESS)))
		},
	},
	{
		id: "C414", says: "CompareObjectHandles(event, GetCurrentProcess()) → FALSE, 1656", source: "sdk:compareobjecthandles (D)",
		check: func(t *T) {
			t.Err(win32.ERROR_NOT_SAME_OBJECT, win32.CompareObjectHandles(t.event(), win32.GetCurrentProcess()))
			t.Err(win32.ERROR_NOT_SAME_OBJECT, win32.CompareObjectHandles(win32.GetCurrentProcess(), win32.GetCurrentThread()))
		},
	},
}
