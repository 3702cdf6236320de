package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"atoll/win32"
)

func TestProcesses(t *testing.T) { run(t, processes) }

// holder does with handles what it is told, and says what came of it.
var holder = newRole("holder", func(t *T, p *Parent) {
	for {
		what, value, _ := strings.Cut(p.Hear(), " ")
		var h win32.Handle
		_, _ = fmt.Sscan(value, &h)
		switch what {
		case "": // the parent is gone
			return
		case "flags":
			var flags uint32
			err := win32.GetHandleInformation(h, &flags)
			p.Say(number(err), flags)
		case "set":
			p.Say(number(win32.SetEvent(h)))
		case "wait":
			p.Say(win32.WaitForSingleObject(h, uint32(quiet.Milliseconds())))
		case "own":
			event, err := win32.WaitForSingleObject(h, win32.INFINITE)
			p.Say(event, number(err), number(win32.ReleaseMutex(h)))
		case "close":
			p.Say(number(win32.CloseHandle(h)))
		case "unmap":
			p.Say(number(win32.UnmapViewOfFile(uintptr(h))))
		case "read":
			address, err := win32.MapViewOfFile(h, win32.FILE_MAP_READ, 0, 0, 0)
			t.OK(err)
			p.Say(win32.Bytes(address, 1)[0])
			t.OK(win32.UnmapViewOfFile(address))
		default:
			t.Fatalf("what is %q?", what)
		}
	}
})

// ask tells a holder what to do with a handle.
func (c *Child) ask(what string, h win32.Handle) *Child { c.Tell(what, uint64(h)); return c }

// start starts a child by CreateProcess, that inherits all inheritable handles, none,
// or those of a list.
func (t *T) start(call *Call, inherit bool, list ...win32.Handle) (*Child, *win32.ProcessInformation) {
	startup := &win32.StartupInfoEx{}
	startup.Cb = uint32(unsafe.Sizeof(*startup))
	if list != nil {
		attributes, err := win32.NewProcThreadAttributeList(1)
		t.OK(err)
		defer attributes.Delete()
		t.OK(attributes.Update(win32.PROC_THREAD_ATTRIBUTE_HANDLE_LIST, unsafe.Pointer(&list[0]), uintptr(len(list))*unsafe.Sizeof(list[0])))
		startup.ProcThreadAttributeList = attributes.List()
	}
	information := new(win32.ProcessInformation)
	t.OK(win32.CreateProcess("", call.CommandLine(), nil, nil, inherit, win32.EXTENDED_STARTUPINFO_PRESENT, nil, "", &startup.StartupInfo, information))
	t.Cleanup(func() {
		_ = win32.TerminateProcess(information.Process, 1)
		_, _ = win32.WaitForSingleObject(information.Process, win32.INFINITE)
		t.Err(0, win32.CloseHandle(information.Process))
		t.Err(0, win32.CloseHandle(information.Thread))
	})
	child := call.Answer()
	if child.PID != int(information.ProcessId) {
		t.Errorf("the child is process %d, CreateProcess says %d", child.PID, information.ProcessId)
	}
	return child, information
}

// inheritable are attributes of a handle that children inherit.
func inheritable() *win32.SecurityAttributes {
	a := &win32.SecurityAttributes{InheritHandle: 1}
	a.Length = uint32(unsafe.Sizeof(*a))
	return a
}

const (
	valid   = "0 1" // what a holder says of an inherited handle
	invalid = "6 0"
)

var processes = []line{
	{
		id: "C252", says: "GENERIC_READ file handle → DuplicateHandle(GENERIC_READ|GENERIC_WRITE) → FALSE, 5", source: "sdk:duplicatehandle (D)",
		gap: gaps{onWine: "it lets duplicates of files have more access"},
		check: func(t *T) {
			dir, err := os.MkdirTemp("", "conformance")
			t.OK(err)
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			name := filepath.Join(dir, "file")
			t.OK(os.WriteFile(name, []byte("x"), 0o666))
			file := t.Handle(win32.CreateFile(name, win32.GENERIC_READ, win32.FILE_SHARE_READ|win32.FILE_SHARE_WRITE, nil, win32.OPEN_EXISTING, 0, 0))
			var out win32.Handle
			err = win32.DuplicateHandle(win32.GetCurrentProcess(), file, win32.GetCurrentProcess(), &out, win32.GENERIC_READ|win32.GENERIC_WRITE, false, 0)
			t.Refused(win32.ERROR_ACCESS_DENIED, out, err)
		},
	},
	{
		id: "C253", says: "process handle without PROCESS_DUP_HANDLE → DuplicateHandle → FALSE, 5", source: "sdk (D)",
		check: func(t *T) {
			child := t.Child(holder)
			e := t.Fresh(win32.CreateEvent(nil, 0, 0, ""))
			poor := t.Handle(win32.OpenProcess(win32.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(child.PID)))
			self := win32.GetCurrentProcess()
			var out win32.Handle
			err := win32.DuplicateHandle(self, e, poor, &out, 0, false, win32.DUPLICATE_SAME_ACCESS)
			t.Refused(win32.ERROR_ACCESS_DENIED, out, err)
			err = win32.DuplicateHandle(poor, e, self, &out, 0, false, win32.DUPLICATE_SAME_ACCESS)
			t.Refused(win32.ERROR_ACCESS_DENIED, out, err)
		},
	},
	{
		id: "C254", says: "P1 DuplicateHandle into P2, P1 closes all → P2's handle works, name still exists", source: "w32:SysInfo/kernel-objects (D)",
		check: func(t *T) {
			child, information := t.start(t.Call(holder), false)
			n := t.Name()
			e, err := win32.CreateEvent(nil, 1, 0, n)
			t.OK(err)
			var out win32.Handle
			t.OK(win32.DuplicateHandle(win32.GetCurrentProcess(), e, information.Process, &out, 0, false, win32.DUPLICATE_SAME_ACCESS))
			t.Close(e)
			again := t.Handle(win32.OpenEvent(win32.SYNCHRONIZE, false, n))
			event, err := win32.WaitForSingleObject(again, 0)
			t.Waited(win32.WAIT_TIMEOUT, event, err)
			child.ask("set", out).Expect(0)
			event, err = win32.WaitForSingleObject(again, 0)
			t.Waited(win32.WAIT_OBJECT_0, event, err)
			t.Close(again)
			child.ask("close", out).Expect(0)
			_, err = win32.OpenEvent(win32.SYNCHRONIZE, false, n)
			t.Err(win32.ERROR_FILE_NOT_FOUND, err)
		},
	},
	{
		id: "C258", says: "inherit TRUE + CreateProcess(TRUE) → child uses the same numeric value", source: "w32:ProcThread/inheritance (D)",
		check: func(t *T) {
			e := t.Fresh(win32.CreateEvent(inheritable(), 1, 0, ""))
			child, _ := t.start(t.Call(holder), true)
			child.ask("flags", e).Expect(valid)
			child.ask("set", e).Expect(0)
			event, err := win32.WaitForSingleObject(e, 0)
			t.Waited(win32.WAIT_OBJECT_0, event, err)
		},
	},
	{
		id: "C260", says: "inherit FALSE + CreateProcess(TRUE) → child value invalid (6)", source: "w32:ProcThread/inheritance (D)",
		check: func(t *T) {
			e := farHandle(t, nil)
			child, _ := t.start(t.Call(holder), true)
			child.ask("flags", e).Expect(invalid)
		},
	},
	{
		id: "C261", says: "HANDLE_LIST = {a}, a and b inheritable → a valid, b invalid in the child", source: "WT-k/process handle list test (W)",
		check: func(t *T) {
			a, b := farHandle(t, inheritable()), farHandle(t, inheritable())
			child, _ := t.start(t.Call(holder), true, a)
			child.ask("flags", a).Expect(valid)
			child.ask("flags", b).Expect(invalid)
		},
	},
	{
		id: "C262", says: "SetHandleInformation(INHERIT) after creation → inherited by later children only", source: "sdk (D)",
		check: func(t *T) {
			e := farHandle(t, nil)
			before, _ := t.start(t.Call(holder), true)
			t.OK(win32.SetHandleInformation(e, win32.HANDLE_FLAG_INHERIT, win32.HANDLE_FLAG_INHERIT))
			after, _ := t.start(t.Call(holder), true)
			before.ask("flags", e).Expect(invalid)
			after.ask("flags", e).Expect(valid)
		},
	},
	{
		id: "C264", says: "child has no view of the parent's mapping until it maps", source: "w32:ProcThread/inheritance (D)",
		check: func(t *T) {
			f := t.Fresh(win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, inheritable(), win32.PAGE_READWRITE, 0, 4096, ""))
			address, err := win32.MapViewOfFile(f, win32.FILE_MAP_WRITE, 0, 0, 0)
			t.OK(err)
			t.Cleanup(func() { _ = win32.UnmapViewOfFile(address) })
			win32.Bytes(address, 1)[0] = 42
			child, _ := t.start(t.Call(holder), true)
			child.ask("unmap", win32.Handle(address)).Expect(int(win32.ERROR_INVALID_ADDRESS))
			child.ask("read", f).Expect(42)
		},
	},
	{
		id: "C265", says: "M owned by parent thread, handle inherited → child's wait blocks (no ownership inherited)", source: "3.5 (D)",
		check: func(t *T) {
			m := t.Fresh(win32.CreateMutex(inheritable(), true, ""))
			child, _ := t.start(t.Call(holder), true)
			child.ask("wait", m).Expect(win32.WAIT_TIMEOUT, nil)
			child.ask("own", m)
			child.Quiet()
			t.OK(win32.ReleaseMutex(m))
			child.Expect(0, 0, 0)
		},
	},
}

// farHandle is a handle of an event whose value a child that begins does not use.
func farHandle(t *T, a *win32.SecurityAttributes) (h win32.Handle) {
	for range 500 {
		h = t.Fresh(win32.CreateEvent(a, 0, 0, ""))
	}
	return h
}
