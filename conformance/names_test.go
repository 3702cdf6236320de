package conformance

import (
	"fmt"
	"os"
	"os/user"
	"strings"
	"testing"
	"unsafe"

	"atoll/win32"
)

func TestNames(t *testing.T) { run(t, names) }

// kind is one of the six types that share one name space.
type kind struct {
	name     string
	all      uint32 // what a create asks for
	create   func(a *win32.SecurityAttributes, name string) (win32.Handle, error)
	open     func(access uint32, inherit bool, name string) (win32.Handle, error)
	createEx func(name string, access uint32) (win32.Handle, error) // nil: there is none
}

var (
	aMutex = &kind{
		"mutex", win32.MUTEX_ALL_ACCESS,
		func(a *win32.SecurityAttributes, name string) (win32.Handle, error) {
			return win32.CreateMutex(a, false, name)
		}, win32.OpenMutex,
		func(name string, access uint32) (win32.Handle, error) {
			return win32.CreateMutexEx(nil, name, 0, access)
		},
	}
	aSemaphore = &kind{
		"semaphore", win32.SEMAPHORE_ALL_ACCESS,
		func(a *win32.SecurityAttributes, name string) (win32.Handle, error) {
			return win32.CreateSemaphore(a, 0, 1, name)
		}, win32.OpenSemaphore,
		func(name string, access uint32) (win32.Handle, error) {
			return win32.CreateSemaphoreEx(nil, 0, 1, name, 0, access)
		},
	}
	anEvent = &kind{
		"event", win32.EVENT_ALL_ACCESS,
		func(a *win32.SecurityAttributes, name string) (win32.Handle, error) {
			return win32.CreateEvent(a, 1, 0, name)
		}, win32.OpenEvent,
		func(name string, access uint32) (win32.Handle, error) {
			return win32.CreateEventEx(nil, name, 0, access)
		},
	}
	aTimer = &kind{
		"timer", win32.TIMER_ALL_ACCESS,
		func(a *win32.SecurityAttributes, name string) (win32.Handle, error) {
			return win32.CreateWaitableTimer(a, true, name)
		}, win32.OpenWaitableTimer,
		func(name string, access uint32) (win32.Handle, error) {
			return win32.CreateWaitableTimerEx(nil, name, 0, access)
		},
	}
	aSection = &kind{
		"section", win32.FILE_MAP_READ | win32.FILE_MAP_WRITE, memoryOf(4096), win32.OpenFileMapping, nil,
	}
	aJob = &kind{"job", win32.JOB_OBJECT_ALL_ACCESS, win32.CreateJobObject, win32.OpenJobObject, nil}

	kinds = []*kind{aMutex, aSemaphore, anEvent, aTimer, aSection, aJob}
)

// memoryOf makes sections of a size.
func memoryOf(size uint32) func(a *win32.SecurityAttributes, name string) (win32.Handle, error) {
	return func(a *win32.SecurityAttributes, name string) (win32.Handle, error) {
		return win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, a, win32.PAGE_READWRITE, 0, size, name)
	}
}

// each checks something of several kinds; what fails names the kind.
func (t *T) each(kinds []*kind, check func(k *kind)) {
	for _, k := range kinds {
		func() {
			before := len(t.said())
			defer func() { // also if it ended the line
				if len(t.said()) > before {
					t.Logf("that was a %s", k.name)
				}
			}()
			check(k)
		}()
	}
}

// fresh says that a create makes a new object.
func fresh(k *kind) func(t *T) { return func(t *T) { t.Fresh(k.create(nil, t.Name())) } }

// exists says that a create opens the object that is there.
func exists(k *kind) func(t *T) {
	return func(t *T) {
		n := t.Name()
		t.Fresh(k.create(nil, n))
		t.Exists(k.create(nil, n))
	}
}

// missing says that an open finds nothing.
func missing(k *kind) func(t *T) {
	return func(t *T) { t.NoHandle(win32.ERROR_FILE_NOT_FOUND)(k.open(k.all, false, t.Name())) }
}

// clash says that a create of another type is refused.
func clash(there, wanted *kind) func(t *T) {
	return func(t *T) {
		n := t.Name()
		t.Fresh(there.create(nil, n))
		t.NoHandle(win32.ERROR_INVALID_HANDLE)(wanted.create(nil, n))
	}
}

// clashOpen says that an open of another type is refused.
func clashOpen(there, wanted *kind) func(t *T) {
	return func(t *T) {
		n := t.Name()
		t.Fresh(there.create(nil, n))
		t.NoHandle(win32.ERROR_INVALID_HANDLE)(wanted.open(wanted.all, false, n))
	}
}

// otherCase says that names of another case are others.
func otherCase(k *kind) func(t *T) {
	return func(t *T) {
		n := t.Name()
		t.Fresh(k.create(nil, n))
		t.NoHandle(win32.ERROR_FILE_NOT_FOUND)(k.open(k.all, false, strings.ToUpper(n)))
	}
}

// nullName says that an open needs a name.
func nullName(k *kind) func(t *T) {
	return func(t *T) { t.NoHandle(win32.ERROR_INVALID_PARAMETER)(k.open(k.all, false, win32.NullName)) }
}

// differ demands that two handles are of two objects.
func (t *T) differ(a, b win32.Handle) {
	t.Err(win32.ERROR_NOT_SAME_OBJECT, win32.CompareObjectHandles(a, b))
}

// emptyName says that an empty name is none.
func emptyName(t *T, k *kind) {
	t.differ(t.Fresh(k.create(nil, "")), t.Fresh(k.create(nil, "")))
	t.NoHandle(win32.ERROR_INVALID_HANDLE)(k.open(k.all, false, ""))
}

// long is a name of a length in UTF-16 units.
func (t *T) long(units int) string {
	name := t.Name()
	return name + strings.Repeat("n", units-len(name))
}

// longest is the longest name, in UTF-16 units.
const longest = 32766

// whoAmI is this user's SID.
func (t *T) whoAmI() string {
	if uid := os.Getuid(); uid >= 0 {
		return fmt.Sprintf("S-1-22-1-%d", uid)
	}
	me, err := user.Current()
	t.OK(err)
	return me.Uid
}

// boundary makes a boundary for this user.
func (t *T) boundary(name string) win32.Handle {
	b, err := win32.CreateBoundaryDescriptor(name, 0)
	t.OK(err)
	t.Cleanup(func() { win32.DeleteBoundaryDescriptor(b) })
	var sid *win32.SID
	t.OK(win32.ConvertStringSidToSid(t.whoAmI(), &sid))
	t.OK(win32.AddSIDToBoundaryDescriptor(&b, sid)) // which copies it
	_, err = win32.LocalFree(win32.Handle(unsafe.Pointer(sid)))
	t.OK(err)
	return b
}

// space closes a private namespace when the line ends.
func (t *T) space(h win32.Handle, err error) win32.Handle {
	if h == 0 || err != nil {
		t.Fatalf("namespace %#x, %v", h, err)
	}
	t.Cleanup(func() { _ = win32.ClosePrivateNamespace(h, 0) })
	return h
}

// keeper keeps what it makes or opens: "create NAME", "open NAME", "namespace BOUNDARY
// ALIAS" opens one.
var keeper = newRole("keeper", func(t *T, p *Parent) {
	for {
		what, name, _ := strings.Cut(p.Hear(), " ")
		var err error
		switch what {
		case "":
			return
		case "create":
			_, err = win32.CreateMutex(nil, false, name)
		case "open":
			_, err = win32.OpenEvent(win32.EVENT_MODIFY_STATE, false, name)
		case "namespace":
			boundary, alias, _ := strings.Cut(name, " ")
			_, err = win32.OpenPrivateNamespace(t.boundary(boundary), alias)
		default:
			t.Fatalf("what is %q?", what)
		}
		p.Say(number(err))
	}
})

// byRoot are reasons, and that on Linux a line needs root, as whom CI runs it.
func byRoot(g gaps) gaps {
	if system() == onLinux && !almighty() {
		g[onLinux] = `only root can prepare Global\ for the suite, and start processes of other users`
	}
	return g
}

const stubs = "Wine has stubs alone of private namespaces"

var names = []line{
	{id: "C001", says: "no object N → CreateMutex(N) → handle, LastError 0", source: "WT-k/sync test_mutex (W)", check: fresh(aMutex)},
	{id: "C002", says: "no object N → CreateEvent(N) → handle, LastError 0", source: "test_event (W)", check: fresh(anEvent)},
	{id: "C004", says: "no object N → CreateWaitableTimer(N) → handle, LastError 0", source: "test_waitable_timer (W)", check: fresh(aTimer)},
	{id: "C005", says: "no object N → CreateFileMapping(-1,RW,4096,N) → handle, LastError 0", source: "WT-k/virtual test_CreateFileMapping (W)", check: fresh(aSection)},
	{id: "C006", says: "no object N → CreateJobObject(N) → handle, LastError 0", source: "sdk:createjobobjectw (D)", check: fresh(aJob)},
	{id: "C008", says: "E exists as N → CreateEvent(N) → handle, 183", source: "test_event (W)(D)", check: exists(anEvent)},
	{id: "C009", says: "S exists as N → CreateSemaphore(N) → handle, 183", source: "test_semaphore (W)(D)", check: exists(aSemaphore)},
	{id: "C010", says: "T exists as N → CreateWaitableTimer(N) → handle, 183", source: "test_waitable_timer (W)(D)", check: exists(aTimer)},
	{id: "C012", says: "J exists as N → CreateJobObject(N) → handle, 183", source: "sdk:createjobobjectw (D)", check: exists(aJob)},
	{
		id: "C013", says: "after a 183 result → CompareObjectHandles(old,new) → TRUE", source: "w32:Sync/object-names (D)",
		check: func(t *T) {
			t.each(kinds, func(k *kind) {
				n := t.Name()
				old := t.Fresh(k.create(nil, n))
				t.OK(win32.CompareObjectHandles(old, t.Exists(k.create(nil, n))))
			})
		},
	},
	{id: "C014", says: "no object N → OpenMutex(N, any non-zero access) → NULL, 2", source: "test_mutex (W)", check: missing(aMutex)},
	{id: "C016", says: "no object N → OpenSemaphore(N) → NULL, 2", source: "test_temporary_objects (W)", check: missing(aSemaphore)},
	{id: "C017", says: "no object N → OpenWaitableTimer(N) → NULL, 2", source: "test_temporary_objects (W)", check: missing(aTimer)},
	{id: "C018", says: "no object N → OpenFileMapping(N) → NULL, 2", source: "test_CreateFileMapping (W)", check: missing(aSection)},
	{
		id: "C020", says: "no object N → OpenMutex(N, access 0) → NULL, 2 (missing name beats zero access)", source: "test_mutex (W)",
		check: func(t *T) { t.NoHandle(win32.ERROR_FILE_NOT_FOUND)(win32.OpenMutex(0, false, t.Name())) },
	},
	{id: "C021", says: "M as N → CreateEvent(N) → NULL, 6", source: "w32:Sync/object-names; WT-n/om test_case_sensitive (W)(D)", check: clash(aMutex, anEvent)},
	{id: "C022", says: "M as N → CreateSemaphore(N) → NULL, 6", source: "w32:Sync/object-names (D)", check: clash(aMutex, aSemaphore)},
	{id: "C024", says: "M as N → CreateFileMapping(N) → NULL, 6", source: "sdk:createfilemappingw (D)", check: clash(aMutex, aSection)},
	{id: "C025", says: "M as N → CreateJobObject(N) → NULL, 6", source: "sdk:createjobobjectw (D)", check: clash(aMutex, aJob)},
	{id: "C026", says: "E as N → CreateMutex(N) → NULL, 6", source: "sdk:createmutexw (D)", check: clash(anEvent, aMutex)},
	{id: "C028", says: "S as N → CreateFileMapping(N) → NULL, 6", source: "sdk:createfilemappingw (D)", check: clash(aSemaphore, aSection)},
	{id: "C029", says: "T as N → CreateFileMapping(N) → NULL, 6", source: "sdk:createfilemappingw (D)", check: clash(aTimer, aSection)},
	{id: "C030", says: "J as N → CreateFileMapping(N) → NULL, 6", source: "sdk:createfilemappingw (D)", check: clash(aJob, aSection)},
	{id: "C032", says: "F as N → CreateEvent(N) → NULL, 6", source: "w32:Sync/object-names (D)", check: clash(aSection, anEvent)},
	{id: "C033", says: "F as N → CreateSemaphore(N) → NULL, 6", source: "w32:Sync/object-names (D)", check: clash(aSection, aSemaphore)},
	{id: "C034", says: "F as N → CreateWaitableTimer(N) → NULL, 6", source: "sdk:createwaitabletimerexw (D)", check: clash(aSection, aTimer)},
	{
		id: "C036", says: "all other ordered pairs of the 30 → Create of another type → NULL, 6", source: "w32:Sync/object-names (D)",
		check: func(t *T) {
			t.each(kinds, func(there *kind) {
				n := t.Name()
				t.Fresh(there.create(nil, n))
				for _, other := range kinds {
					if other != there {
						t.NoHandle(win32.ERROR_INVALID_HANDLE)(other.create(nil, n))
						t.NoHandle(win32.ERROR_INVALID_HANDLE)(other.open(other.all, false, n))
					}
				}
			})
		},
	},
	{id: "C037", says: "E as N → OpenMutex(N) → NULL, 6", source: "WT-n/om test_case_sensitive (W)", check: clashOpen(anEvent, aMutex)},
	{id: "C038", says: "M as N → OpenFileMapping(N) → NULL, 6", source: "w32:Memory/sharing-files-and-memory (D)", check: clashOpen(aMutex, aSection)},
	{
		id: "C040", says: "failed type-clash create → the existing object is unchanged and still openable by its own type", source: "1.1 (inf)",
		check: func(t *T) {
			n := t.Name()
			e := t.Fresh(win32.CreateEvent(nil, 1, 1, n))
			t.NoHandle(win32.ERROR_INVALID_HANDLE)(win32.CreateMutex(nil, true, n))
			again := t.Handle(win32.OpenEvent(win32.SYNCHRONIZE, false, n))
			t.OK(win32.CompareObjectHandles(e, again))
			t.WaitGives(win32.WAIT_OBJECT_0)(win32.WaitForSingleObject(again, 0))
		},
	},
	{id: "C041", says: `M "WineTestMutex" → OpenMutex("WINETESTMUTEX") → NULL, 2`, source: "test_mutex (W)", check: otherCase(aMutex)},
	{
		id: "C042", says: `M "WineTestMutex" → CreateMutex("WINETESTMUTEX") → new object, 0`, source: "test_mutex (W)",
		check: func(t *T) {
			n := t.Name()
			t.differ(t.Fresh(win32.CreateMutex(nil, false, n)), t.Fresh(win32.CreateMutex(nil, false, strings.ToUpper(n))))
		},
	},
	{id: "C044", says: "S name upper-cased → OpenSemaphore → NULL, 2", source: "test_semaphore (W)", check: otherCase(aSemaphore)},
	{id: "C045", says: "T name upper-cased → OpenWaitableTimer → NULL, 2", source: "test_waitable_timer (W)", check: otherCase(aTimer)},
	{id: "C046", says: `F "Wine Test Mapping" → OpenFileMapping("WINE TEST MAPPING") → NULL, 2`, source: "test_CreateFileMapping (W)", check: otherCase(aSection)},
	{id: "C048", says: "OpenEvent(NULL name) → NULL, 87", source: "test_event (W)", check: nullName(anEvent)},
	{id: "C049", says: "OpenSemaphore(NULL name) → NULL, 87", source: "test_semaphore (W)", check: nullName(aSemaphore)},
	{id: "C050", says: "OpenWaitableTimer(NULL name) → NULL, 87", source: "test_waitable_timer (W)", check: nullName(aTimer)},
	{
		id: "C052", says: "Create*(NULL name) twice → two different objects, LastError 0 both", source: "sdk create pages (D)",
		check: func(t *T) {
			t.each(kinds, func(k *kind) {
				t.differ(t.Fresh(k.create(nil, win32.NullName)), t.Fresh(k.create(nil, win32.NullName)))
			})
		},
	},
	{
		id: "C053", says: `CreateMutex("") → new unnamed object, 0; OpenMutex("") → NULL, 6`, source: "WT-n/om test_name_limits (W)",
		check: func(t *T) { emptyName(t, aMutex) },
	},
	{
		id: "C054", says: `same for E, S, T, F, J with "" → create unnamed; open 6`, source: "test_name_limits (W)",
		check: func(t *T) { t.each(kinds[1:], func(k *kind) { emptyName(t, k) }) },
	},
	{
		id: "C056", says: `CreateMutex("a\\b"), no namespace a → NULL, 3`, source: "test_directory (W)",
		check: func(t *T) {
			t.NoHandle(win32.ERROR_PATH_NOT_FOUND)(win32.CreateMutex(nil, false, t.Name()+`\b`))
			t.NoHandle(win32.ERROR_PATH_NOT_FOUND)(win32.CreateMutex(nil, false, t.Name()+`\`))
			t.NoHandle(win32.ERROR_BAD_PATHNAME)(win32.CreateMutex(nil, false, `\`+t.Name()))
		},
	},
	{
		id: "C057", says: `OpenMutex("a\\b"), no namespace a → NULL, 3`, source: "test_directory (W)",
		check: func(t *T) {
			t.NoHandle(win32.ERROR_PATH_NOT_FOUND)(win32.OpenMutex(win32.SYNCHRONIZE, false, t.Name()+`\b`))
			t.NoHandle(win32.ERROR_BAD_PATHNAME)(win32.OpenMutex(win32.SYNCHRONIZE, false, `\`+t.Name()))
		},
	},
	{
		id: "C058", says: `CreateMutex("a/b:c*?<>|\" é") → success`, source: "sdk: only backslash is excluded (D)",
		check: func(t *T) {
			n := t.Name() + "a/b:c*?<>|\" é\x01."
			t.each(kinds, func(k *kind) {
				h := t.Fresh(k.create(nil, n))
				t.OK(win32.CompareObjectHandles(h, t.Handle(k.open(k.all, false, n))))
				t.Close(h)
				n += "."
			})
		},
	},
	{
		id: "C060", says: "name of 32766 UTF-16 units → success", source: "test_name_limits (W)",
		check: func(t *T) {
			t.each(kinds, func(k *kind) {
				n := t.long(longest)
				h := t.Fresh(k.create(nil, n))
				t.OK(win32.CompareObjectHandles(h, t.Handle(k.open(k.all, false, n))))
			})
			t.Fresh(win32.CreateMutex(nil, false, `Local\`+t.long(longest-len(`Local\`))))
			t.Fresh(win32.CreateMutex(nil, false, t.long(longest-2)+"\U0001F40B")) // one rune, two units
		},
	},
	{
		id: "C061", says: "name of 32767 UTF-16 units → NULL, 123", source: "test_name_limits (W)",
		gap: gaps{onWine: "Wine's kernel32 cuts a name that is too long"},
		check: func(t *T) {
			t.each(kinds, func(k *kind) {
				t.NoHandle(win32.ERROR_INVALID_NAME)(k.create(nil, t.long(longest+1)))
				t.NoHandle(win32.ERROR_INVALID_NAME)(k.open(k.all, false, t.long(longest+1)))
			})
			t.NoHandle(win32.ERROR_INVALID_NAME)(win32.CreateMutex(nil, false, t.long(longest-1)+"\U0001F40B"))
		},
	},
	{
		id: "C062", says: "CreateEventA with 300-char name → NULL, 206", source: "WI:kernelbase/sync.c (I)",
		not:   gaps{onLinux: ansi, onWine: ansi, onWindows: ansi},
		check: func(t *T) { t.Fatalf("there is no such call") },
	},
	{
		id: "C064", says: `F "Local\\Foo" → OpenFileMapping("Local\\Foo") → success`, source: "WT-k/virtual test_MapViewOfFile (W)",
		check: func(t *T) {
			t.each(kinds, func(k *kind) {
				n := t.Name()
				h := t.Fresh(k.create(nil, `Local\`+n))
				t.OK(win32.CompareObjectHandles(h, t.Handle(k.open(k.all, false, `Local\`+n))))
				t.OK(win32.CompareObjectHandles(h, t.Handle(k.open(k.all, false, n))))
			})
		},
	},
	{
		id: "C065", says: `session ≠ 0: M "Global\\X" → OpenMutex("X") → NULL, 2`, source: "kernel-object-namespaces (D)",
		not: byRoot(gaps{}),
		check: func(t *T) {
			n := t.Name()
			t.Fresh(win32.CreateMutex(nil, false, `Global\`+n))
			t.NoHandle(win32.ERROR_FILE_NOT_FOUND)(win32.OpenMutex(win32.SYNCHRONIZE, false, n))
			t.NoHandle(win32.ERROR_FILE_NOT_FOUND)(win32.OpenMutex(win32.SYNCHRONIZE, false, `Local\`+n))
			t.Handle(win32.OpenMutex(win32.SYNCHRONIZE, false, `Global\`+n))
		},
	},
	{
		id: "C066", says: `session 0: M "X" → OpenMutex("Global\\X") → same object`, source: "kernel-object-namespaces (D)",
		not: gaps{
			onLinux:   "users have the place of sessions, and each has names of their own, root too",
			onWine:    "its programs run in session 1",
			onWindows: "only services run in session 0",
		},
		check: func(t *T) {
			n := t.Name()
			h := t.Fresh(win32.CreateMutex(nil, false, n))
			t.OK(win32.CompareObjectHandles(h, t.Handle(win32.OpenMutex(win32.SYNCHRONIZE, false, `Global\`+n))))
		},
	},
	{
		id: "C068", says: `P1, P2 in different sessions, both CreateMutex("X") → both 0`, source: "kernel-object-namespaces (D)",
		not: byRoot(gaps{onWine: "it has one session", onWindows: "only a service can start processes in other sessions"}),
		check: func(t *T) { // users have the place of sessions
			n := t.Name()
			for _, user := range []uint32{theUser, theUser + 1} {
				child := t.ChildOf(user, keeper)
				child.Tell("create", n)
				child.Expect(0)
			}
			t.Fresh(win32.CreateMutex(nil, false, n))
		},
	},
	{
		id: "C069", says: `CreateMutex("global\\X") → NULL, 3 (prefix is case-sensitive)`, source: "kernel-object-namespaces (D) code (inf)",
		check: func(t *T) {
			for _, prefix := range []string{`global\`, `GLOBAL\`, `local\`} {
				t.NoHandle(win32.ERROR_PATH_NOT_FOUND)(win32.CreateMutex(nil, false, prefix+t.Name()))
			}
		},
	},
	{
		id: "C070", says: `session ≠ 0 without SeCreateGlobalPrivilege → CreateFileMapping("Global\\F") → NULL, 5`, source: "sdk:createfilemappingw (D) code (inf)",
		not: gaps{
			onLinux:   "it has no such privilege: who can make any global object can make a global section",
			onWine:    "its user has the privilege",
			onWindows: "needs a user without the privilege",
		},
		check: func(t *T) {
			t.NoHandle(win32.ERROR_ACCESS_DENIED)(memoryOf(4096)(nil, `Global\`+t.Name()))
		},
	},
	{
		id: "C072", says: `same process → CreateMutex("Global\\M") → success (privilege only concerns sections)`, source: "kernel-object-namespaces (D)",
		not: byRoot(gaps{}),
		check: func(t *T) {
			t.each([]*kind{aMutex, aSemaphore, anEvent, aTimer, aJob}, func(k *kind) {
				n := `Global\` + t.Name()
				h := t.Fresh(k.create(nil, n))
				t.OK(win32.CompareObjectHandles(h, t.Exists(k.create(nil, n))))
			})
		},
	},
	{
		id: "C073", says: `private namespace alias NS created → CreateEvent("NS\\E") → success; second process with OpenPrivateNamespace same boundary → OpenEvent("NS\\E") success`, source: "w32:Sync/object-namespaces (D)",
		gap: gaps{onWine: stubs},
		check: func(t *T) {
			alias, b := t.Name(), fmt.Sprintf("boundary-%d", os.Getpid())
			t.NoHandle(win32.ERROR_PATH_NOT_FOUND)(win32.CreateEvent(nil, 1, 0, alias+`\E`))
			ns := t.space(win32.CreatePrivateNamespace(nil, t.boundary(b), alias))
			t.NoHandle(win32.ERROR_ALREADY_EXISTS)(win32.CreatePrivateNamespace(nil, t.boundary(b), alias))
			e := t.Fresh(win32.CreateEvent(nil, 1, 0, alias+`\E`))
			child := t.Child(keeper)
			child.Tell("open", alias+`\E`) // there the alias means nothing
			child.Expect(int(win32.ERROR_PATH_NOT_FOUND))
			child.Tell("namespace", b, alias)
			child.Expect(0)
			child.Tell("open", alias+`\E`)
			child.Expect(0)
			t.NoHandle(win32.ERROR_FILE_NOT_FOUND)(win32.OpenEvent(win32.SYNCHRONIZE, false, "E"))
			t.OK(win32.ClosePrivateNamespace(ns, 0))
			t.NoHandle(win32.ERROR_PATH_NOT_FOUND)(win32.OpenEvent(win32.SYNCHRONIZE, false, alias+`\E`))
			t.OK(win32.SetEvent(e))
		},
	},
	{
		id: "C074", says: "same alias, other boundary → two independent namespaces", source: "object-namespaces (D)",
		gap: gaps{onWine: stubs},
		check: func(t *T) {
			alias, one, other := t.Name(), fmt.Sprintf("one-%d", os.Getpid()), fmt.Sprintf("other-%d", os.Getpid())
			t.NoHandle(win32.ERROR_FILE_NOT_FOUND)(win32.OpenPrivateNamespace(t.boundary(one), alias))
			child := t.Child(spacer, other, alias)
			child.Expect(0)
			child.Expect(0)
			t.space(win32.CreatePrivateNamespace(nil, t.boundary(one), alias))
			t.NoHandle(win32.ERROR_FILE_NOT_FOUND)(win32.OpenEvent(win32.SYNCHRONIZE, false, alias+`\E`))
			t.Fresh(win32.CreateEvent(nil, 1, 0, alias+`\E`))
		},
	},
	{
		id: "C076", says: "M N created, closed → OpenMutex(N) → NULL, 2", source: "test_temporary_objects (W)",
		check: func(t *T) {
			t.each(kinds, func(k *kind) {
				n := t.Name()
				t.Close(t.Fresh(k.create(nil, n)))
				t.NoHandle(win32.ERROR_FILE_NOT_FOUND)(k.open(k.all, false, n))
			})
		},
	},
	{
		id: "C077", says: "F N created, view mapped, handle closed → OpenFileMapping(N) → NULL, 2", source: "test_MapViewOfFile (W)",
		check: func(t *T) {
			n, _ := t.orphanView()
			t.NoHandle(win32.ERROR_FILE_NOT_FOUND)(win32.OpenFileMapping(win32.FILE_MAP_READ, false, n))
		},
	},
	{
		id: "C078", says: "same state → CreateFileMapping(N) → new object, 0; old view still holds old data", source: "test_MapViewOfFile (W)",
		check: func(t *T) {
			n, old := t.orphanView()
			h := t.Fresh(memoryOf(4096)(nil, n))
			view, err := win32.MapViewOfFile(h, win32.FILE_MAP_WRITE, 0, 0, 0)
			t.OK(err)
			defer func() { t.OK(win32.UnmapViewOfFile(view)) }()
			if b := win32.Bytes(view, 1); b[0] != 0 {
				t.Errorf("the new section begins with %d", b[0])
			}
			win32.Bytes(view, 1)[0] = 1
			if b := win32.Bytes(old, 1); b[0] != 42 {
				t.Errorf("the old view begins with %d", b[0])
			}
		},
	},
	{
		id: "C080", says: "P1 creates N, P2 opens N, P1 exits → N still openable", source: "w32:SysInfo/kernel-objects (D)",
		check: func(t *T) {
			n := t.Name()
			first, second := t.Child(keeper), t.Child(keeper)
			first.Tell("create", n)
			first.Expect(0)
			second.Tell("create", n)
			second.Expect(int(win32.ERROR_ALREADY_EXISTS))
			first.Kill()
			t.Close(t.Handle(win32.OpenMutex(win32.SYNCHRONIZE, false, n)))
			second.Kill()
			t.NoHandle(win32.ERROR_FILE_NOT_FOUND)(win32.OpenMutex(win32.SYNCHRONIZE, false, n))
		},
	},
	{
		id: "C081", says: "M exists, unowned → T2 CreateMutex(N, initialOwner=TRUE) → 183 and T2 does not own; ReleaseMutex → 288", source: "sdk:createmutexw (D)(I)",
		check: func(t *T) {
			n := t.Name()
			t.Fresh(win32.CreateMutex(nil, false, n))
			t.Thread(func() {
				h := t.Exists(win32.CreateMutex(nil, true, n))
				t.Err(win32.ERROR_NOT_OWNER, win32.ReleaseMutex(h))
			})
		},
	},
	{
		id: "C082", says: "S exists (0/1) → CreateSemaphore(N, 5, 10) → 183; ReleaseSemaphore(2) → 298 (max still 1)", source: "sdk createsemaphore (D)",
		check: func(t *T) {
			n := t.Name()
			t.Fresh(win32.CreateSemaphore(nil, 0, 1, n))
			h := t.Exists(win32.CreateSemaphore(nil, 5, 10, n))
			t.Err(win32.ERROR_TOO_MANY_POSTS, win32.ReleaseSemaphore(h, 2, nil))
			var previous int32
			t.OK(win32.ReleaseSemaphore(h, 1, &previous))
			t.Equal(0, uint32(previous), "previous")
		},
	},
	{
		id: "C084", says: "F of 4096 exists → CreateFileMapping(N, size 65536) → 183; view of 65536 bytes → NULL, 5", source: "sdk:createfilemappingw (D)",
		check: func(t *T) {
			n := t.Name()
			t.Fresh(memoryOf(4096)(nil, n))
			h := t.Exists(memoryOf(65536)(nil, n))
			view, err := win32.MapViewOfFile(h, win32.FILE_MAP_READ, 0, 0, 65536)
			t.Err(win32.ERROR_ACCESS_DENIED, err)
			if view != 0 {
				t.Errorf("a view at %#x", view)
			}
		},
	},
	{
		id: "C085", says: "existing object, attributes with inherit TRUE → new handle has HANDLE_FLAG_INHERIT", source: "sdk:createmutexw (D)",
		check: func(t *T) {
			t.each(kinds, func(k *kind) {
				n := t.Name()
				old := t.Fresh(k.create(nil, n))
				t.Equal(win32.HANDLE_FLAG_INHERIT, t.flagsOf(t.Exists(k.create(inheritable(), n))), "flags")
				t.Equal(win32.HANDLE_FLAG_INHERIT, t.flagsOf(t.Handle(k.open(k.all, true, n))), "flags")
				t.Equal(0, t.flagsOf(t.Handle(k.open(k.all, false, n))), "flags")
				t.Equal(0, t.flagsOf(old), "the old handle's flags")
			})
		},
	},
	{
		id: "C086", says: "CreateSemaphore(N fresh, 2, 1) → NULL, 87 and no object N left", source: "WT-n/sync test_semaphore (W)",
		check: func(t *T) {
			n := t.Name()
			t.NoHandle(win32.ERROR_INVALID_PARAMETER)(win32.CreateSemaphore(nil, 2, 1, n))
			t.NoHandle(win32.ERROR_FILE_NOT_FOUND)(win32.OpenSemaphore(win32.SYNCHRONIZE, false, n))
		},
	},
	{
		id: "C088", says: "E exists → CreateEventEx(N, access 0) → NULL, 5", source: "test_zero_access (W)",
		gap: gaps{onWine: "Wine 8 opens objects for no right at all"},
		check: func(t *T) {
			t.each([]*kind{anEvent, aMutex, aSemaphore, aTimer}, func(k *kind) {
				n := t.Name()
				h := t.Fresh(k.createEx(n, 0)) // a new one may be created without any right
				t.Equal(0, t.grantedTo(h), "granted")
				t.NoHandle(win32.ERROR_ACCESS_DENIED)(k.createEx(n, 0))
			})
		},
	},
	{
		id: "C089", says: "M/S/T/F/J exist → Open with access 0 → NULL, 5", source: "test_zero_access (W)",
		gap: gaps{onWine: "Wine 8 opens objects for no right at all"},
		check: func(t *T) {
			t.each(kinds, func(k *kind) {
				n := t.Name()
				t.Fresh(k.create(nil, n))
				t.NoHandle(win32.ERROR_ACCESS_DENIED)(k.open(0, false, n))
			})
		},
	},
	{
		id: "C090", says: "name created, 1000 opens/closes, last close → 2 afterwards", source: "1.7 (W derived)",
		check: func(t *T) {
			n := t.Name()
			first := t.Fresh(win32.CreateMutex(nil, false, n))
			for range 1000 {
				h, err := win32.OpenMutex(win32.SYNCHRONIZE, false, n)
				t.OK(err)
				t.OK(win32.CloseHandle(h))
			}
			t.Close(first)
			t.NoHandle(win32.ERROR_FILE_NOT_FOUND)(win32.OpenMutex(win32.SYNCHRONIZE, false, n))
		},
	},
}

const ansi = "package win32 has the wide functions alone, as Go's names are Unicode: there is no buffer of MAX_PATH"

// spacer creates a private namespace, and an event in it.
var spacer = newRole("spacer", func(t *T, p *Parent) {
	_, err := win32.CreatePrivateNamespace(nil, t.boundary(p.Arg(0)), p.Arg(1))
	p.Say(number(err))
	_, err = win32.CreateEvent(nil, 1, 0, p.Arg(1)+`\E`)
	p.Say(number(err))
	p.Hear()
})

// orphanView is a view of a section whose last handle was closed.
func (t *T) orphanView() (name string, view uintptr) {
	name = t.Name()
	h := t.Fresh(memoryOf(4096)(nil, name))
	view, err := win32.MapViewOfFile(h, win32.FILE_MAP_WRITE, 0, 0, 0)
	t.OK(err)
	t.Cleanup(func() { t.OK(win32.UnmapViewOfFile(view)) })
	win32.Bytes(view, 1)[0] = 42
	t.Close(h)
	return name, view
}
