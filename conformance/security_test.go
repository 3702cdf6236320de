package conformance

import (
	"testing"
	"unsafe"

	"atoll/win32"
)

func TestSecurity(t *testing.T) { run(t, security) }

// unprivileged is a check that only shows something if the system does not let this
// user do everything: root has an ordinary user check it.
func unprivileged(id string, check func(t *T)) func(t *T) {
	ordinary[id] = check
	return func(t *T) {
		if !almighty() {
			use(ordinaryUser.name)
			check(t)
			return
		}
		child := t.ChildOf(theUser, ordinaryUser, id)
		if said := child.Line(); said != "" {
			t.Errorf("the other user says: %s", said)
		}
	}
}

var ordinary = make(map[string]func(t *T))

// ordinaryUser checks a line and says what fails.
var ordinaryUser = newRole("ordinary user", func(t *T, p *Parent) {
	check := ordinary[p.Arg(0)]
	u := &T{line: p.Arg(0)}
	t.Thread(func() {
		defer u.cleanUp()
		defer u.surprised()
		check(u)
	})
	p.Say(u.said())
	p.Hear()
})

// descriptor are attributes with a security descriptor.
func (t *T) descriptor(text string) *win32.SecurityAttributes {
	var d *win32.SecurityDescriptor
	t.OK(win32.ConvertStringSecurityDescriptorToSecurityDescriptor(text, win32.SDDL_REVISION_1, &d, nil))
	t.Cleanup(func() { _, _ = win32.LocalFree(win32.Handle(unsafe.Pointer(d))) })
	return &win32.SecurityAttributes{SecurityDescriptor: d}
}

// reader opens an object that it makes, for reading alone.
func (t *T) reader(k *kind) win32.Handle {
	n := t.Name()
	t.Fresh(k.create(nil, n))
	return t.Handle(k.open(win32.GENERIC_READ, false, n))
}

// readable is a section that everybody may map for reading, and nobody for writing.
func (t *T) readable() (name string) {
	name = t.Name()
	t.Fresh(memoryOf(4096)(t.descriptor("D:(A;;0x4;;;WD)"), name))
	return name
}

var security = []line{
	{
		id: "C390", says: "h(READ right only) of any type cannot be used for modify calls → 5", source: "w32 rights (D)",
		check: func(t *T) {
			const denied = win32.ERROR_ACCESS_DENIED
			e := t.reader(anEvent)
			t.Err(denied, win32.SetEvent(e))
			t.Err(denied, win32.ResetEvent(e))
			t.Err(denied, win32.PulseEvent(e))
			t.Err(denied, win32.ReleaseSemaphore(t.reader(aSemaphore), 1, nil))
			timer, due := t.reader(aTimer), int64(0)
			t.Err(denied, win32.SetWaitableTimer(timer, &due, 0, 0, 0, false))
			t.Err(denied, win32.CancelWaitableTimer(timer))
			_, err := win32.MapViewOfFile(t.reader(aSection), win32.FILE_MAP_WRITE, 0, 0, 0)
			t.Err(denied, err)
			job := t.reader(aJob)
			t.Err(denied, win32.TerminateJobObject(job, 1))
			t.Err(denied, win32.AssignProcessToJobObject(job, win32.GetCurrentProcess()))
		},
	},
	{
		id: "C392", says: "empty DACL object → Open by anyone (also the creator process) → NULL, 5", source: "w32 model (D)",
		gap: gaps{onWine: "Wine makes no timer that nobody may open"},
		check: unprivileged("C392", func(t *T) {
			empty := t.descriptor("D:")
			t.each(kinds, func(k *kind) {
				n := t.Name()
				h := t.Fresh(k.create(empty, n))
				t.NoHandle(win32.ERROR_ACCESS_DENIED)(k.open(k.all, false, n))
				t.NoHandle(win32.ERROR_ACCESS_DENIED)(k.open(win32.GENERIC_READ, false, n))
				t.NoHandle(win32.ERROR_ACCESS_DENIED)(k.create(nil, n))
				// The creator's handle may all the same.
				t.Equal(k.all, k.all&t.grantedTo(h), "granted")
			})
			// What lets everybody do everything, and what says nothing.
			for _, text := range []string{"D:NO_ACCESS_CONTROL", "D:(A;;GA;;;WD)", ""} {
				t.each(kinds, func(k *kind) {
					n := t.Name()
					t.Fresh(k.create(t.descriptor(text), n))
					t.Handle(k.open(k.all, false, n))
				})
			}
			t.Fresh(win32.CreateEvent(&win32.SecurityAttributes{}, 1, 0, t.Name()))
		}),
	},
	{
		id: "C393", says: "DACL allows only FILE_MAP_READ → OpenFileMapping(FILE_MAP_WRITE) → NULL, 5; OpenFileMapping(FILE_MAP_READ) ok", source: "sdk:openfilemappingw (D)",
		check: unprivileged("C393", func(t *T) {
			n := t.readable()
			t.NoHandle(win32.ERROR_ACCESS_DENIED)(win32.OpenFileMapping(win32.FILE_MAP_WRITE, false, n))
			h := t.Handle(win32.OpenFileMapping(win32.FILE_MAP_READ, false, n))
			_, err := win32.MapViewOfFile(h, win32.FILE_MAP_WRITE, 0, 0, 0)
			t.Err(win32.ERROR_ACCESS_DENIED, err)
			view, err := win32.MapViewOfFile(h, win32.FILE_MAP_READ, 0, 0, 0)
			t.OK(err)
			t.OK(win32.UnmapViewOfFile(view))
		}),
	},
	{
		id: "C394", says: "same → CreateFileMapping(RW, same name) → NULL, 5 (Create requests 0xF0007)", source: "1.3 (D)",
		check: unprivileged("C394", func(t *T) {
			t.NoHandle(win32.ERROR_ACCESS_DENIED)(memoryOf(4096)(nil, t.readable()))
		}),
	},
	{
		id: "C396", says: "GENERIC_READ on E gives 0x20001, wait → WAIT_FAILED, 5", source: "WT-n/om test_object_types (W)",
		check: func(t *T) {
			h := t.reader(anEvent)
			t.Equal(0x20001, t.grantedTo(h), "granted")
			t.WaitFails(win32.ERROR_ACCESS_DENIED)(win32.WaitForSingleObject(h, 0))
		},
	},
	{
		id: "C397", says: "GENERIC_EXECUTE on E/M/S/T → 0x120000, wait ok", source: "WT-n/om test_object_types (W)",
		check: func(t *T) {
			t.each([]*kind{anEvent, aMutex, aSemaphore, aTimer}, func(k *kind) {
				n := t.Name()
				t.Fresh(k.create(nil, n))
				h := t.Handle(k.open(win32.GENERIC_EXECUTE, false, n))
				t.Equal(0x120000, t.grantedTo(h), "granted")
				want := uint32(win32.WAIT_TIMEOUT)
				if k == aMutex {
					want = win32.WAIT_OBJECT_0
				}
				t.WaitGives(want)(win32.WaitForSingleObject(h, 0))
			})
		},
	},
	{
		id: "C398", says: "GENERIC_ALL on F → 0xF001F (no SYNCHRONIZE)", source: "WT-n/om test_object_types (W)",
		check: func(t *T) {
			n := t.Name()
			t.Fresh(memoryOf(4096)(nil, n))
			t.Equal(0xF001F, t.grantedTo(t.Handle(win32.OpenFileMapping(win32.GENERIC_ALL, false, n))), "granted")
		},
	},
	{
		id: "C400", says: "SetSecurityInfo narrowing the DACL → existing handles unaffected, new opens 5", source: "3.1 (D)/(inf)",
		check: unprivileged("C400", func(t *T) {
			t.each(kinds, func(k *kind) {
				n := t.Name()
				h := t.Fresh(k.create(nil, n))
				less := t.Handle(k.open(win32.READ_CONTROL, false, n))
				nobody := t.descriptor("D:").SecurityDescriptor
				t.Err(win32.ERROR_ACCESS_DENIED, win32.SetKernelObjectSecurity(less, win32.DACL_SECURITY_INFORMATION, nobody))
				t.OK(win32.SetKernelObjectSecurity(h, win32.DACL_SECURITY_INFORMATION, nobody))
				t.NoHandle(win32.ERROR_ACCESS_DENIED)(k.open(k.all, false, n))
				t.Equal(win32.READ_CONTROL, t.grantedTo(less), "granted")
				t.OK(win32.CompareObjectHandles(h, t.duplicateOf(h, 0, false, win32.DUPLICATE_SAME_ACCESS)))
			})
			n := t.Name()
			e := t.Fresh(win32.CreateEvent(nil, 1, 0, n))
			writer := t.Handle(win32.OpenEvent(win32.EVENT_MODIFY_STATE, false, n))
			t.OK(win32.SetKernelObjectSecurity(e, win32.DACL_SECURITY_INFORMATION, t.descriptor("D:").SecurityDescriptor))
			t.OK(win32.SetEvent(writer))
			t.WaitGives(win32.WAIT_OBJECT_0)(win32.WaitForSingleObject(e, 0))
		}),
	},
	{
		id: "C401", says: "S:(ML;;NW;;;LW) object → low-integrity process may open for write", source: "w32 integrity (D)",
		gap: gaps{onWine: "Wine keeps labels, and lets everybody write all the same"},
		not: gaps{onLinux: "it has no integrity levels: processes that are trusted less are another user's"},
		check: func(t *T) {
			labelled, other := t.Name(), t.Name()
			t.Fresh(win32.CreateEvent(t.descriptor("S:(ML;;NW;;;LW)"), 1, 0, labelled))
			t.Fresh(win32.CreateEvent(nil, 1, 0, other))
			child := t.Child(low)
			child.Tell(labelled)
			child.Expect(0)
			child.Tell(other)
			child.Expect(int(win32.ERROR_ACCESS_DENIED))
		},
	},
	{
		id: "C402", says: "unknown access bit in Open → NULL, 5", source: "test_mutex (W)",
		gap: gaps{onWine: "Wine 8 grants bits that no object has"},
		check: func(t *T) {
			t.each(kinds, func(k *kind) {
				n := t.Name()
				t.Fresh(k.create(nil, n))
				t.NoHandle(win32.ERROR_ACCESS_DENIED)(k.open(0x200|win32.READ_CONTROL, false, n))
			})
		},
	},
}
