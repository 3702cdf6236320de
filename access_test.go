//go:build linux

package atoll

import (
	"io/fs"
	"testing"
)

// What Windows calls the rights of the Go face, and the generic ones.
func TestAccessWin32(t *testing.T) {
	for _, c := range []struct {
		access Access
		typ    Type
		want   uint32
		text   string
	}{
		{0, TypeEvent, 0, "none"},
		{Read | Write, TypeSection, 6, "read+write"},
		{Copy, TypeSection, 4, "copy"},
		{Execute | Query, TypeSection, 9, "execute+query"},
		{GenericRead, TypeSection, 0x20005, "generic-read"},
		{GenericAll | Read, TypeSection, 0xF001F, "read+generic-all"},
		{Wait, TypeMutex, 0x100000, "wait"},
		{Wait | Modify, TypeMutex, 0x100001, "wait+modify"},
		{Wait | Modify, TypeEvent, 0x100003, "wait+modify"},
		{Query, TypeTimer, 1, "query"},
		{GenericRead | GenericWrite | GenericExecute, TypeSemaphore, 0x120003, "generic-execute+generic-write+generic-read"},
		{Read, TypeEvent, 0x08000000, "read"},
		{Wait, TypeSection, 0x08000000, "wait"},
		{1 << 20, TypeEvent, 0x08000000, "0x100000"},
	} {
		if got := c.access.Win32(c.typ); got != c.want || c.access.String() != c.text {
			t.Errorf("%s is %#x for a %s, want %#x and %q", c.access, got, c.typ, c.want, c.text)
		}
	}
}

// Generic rights are translated at open, and never stored.
func TestGenericRights(t *testing.T) {
	newTestEvent(t, "generic", EventOptions{ManualReset: true, Signaled: true})
	newTestMutex(t, "generic mutex", MutexOptions{})
	newTestSection(t, "generic section", SectionOptions{Size: 1})
	t.Run("C396", func(t *testing.T) {
		e, err := OpenEvent("generic", GenericRead)
		must(t, err)
		closeLater(t, e)
		if e.Access() != Query || e.kernel.Rights() != 0x20001 {
			t.Errorf("%s, %#x", e.Access(), uint32(e.kernel.Rights()))
		}
		failsWith(t, fs.ErrPermission, 5)(Result{}, e.Wait(t.Context()))
		_, err = e.TryWait()
		failsWith(t, fs.ErrPermission, 5)(Result{}, err)
	})
	t.Run("C397", func(t *testing.T) {
		e, err := OpenEvent("generic", GenericExecute)
		must(t, err)
		closeLater(t, e)
		if e.Access() != Wait || e.kernel.Rights() != 0x120000 {
			t.Errorf("%s, %#x", e.Access(), uint32(e.kernel.Rights()))
		}
		must(t, e.Wait(t.Context()))
		m, err := OpenMutex("generic mutex", GenericExecute)
		must(t, err)
		closeLater(t, m)
		_, err = m.Lock(t.Context())
		must(t, err)
		must(t, m.Unlock())
	})
	t.Run("C398", func(t *testing.T) {
		s, err := OpenSection("generic section", GenericAll)
		must(t, err)
		closeLater(t, s)
		if s.Access() != Read|Write|Execute || s.kernel.Rights() != 0xF001F {
			t.Errorf("%s, %#x", s.Access(), uint32(s.kernel.Rights()))
		}
	})
	for number, c := range map[string]struct {
		asked, shown Access
		want         uint32
	}{
		"C136": {GenericWrite, Write, 0x20002},
		"C137": {GenericAll, Read | Write | Execute, 0xF001F},
		"C138": {Copy, Read, 4},
	} {
		t.Run(number, func(t *testing.T) {
			s, err := OpenSection("generic section", c.asked)
			must(t, err)
			closeLater(t, s)
			if s.Access() != c.shown || uint32(s.kernel.Rights()) != c.want {
				t.Errorf("%s, %#x", s.Access(), uint32(s.kernel.Rights()))
			}
		})
	}
}

// What a handle has not the right to, and what no object has.
func TestRightsThatAreNotThere(t *testing.T) {
	newTestEvent(t, "generic", EventOptions{ManualReset: true, Signaled: true})
	newTestSection(t, "generic section", SectionOptions{Size: 1})
	t.Run("C390", func(t *testing.T) {
		e, err := OpenEvent("generic", GenericRead)
		must(t, err)
		closeLater(t, e)
		for _, err := range []error{e.Set(), e.Reset(), e.Pulse()} {
			failsWith(t, fs.ErrPermission, 5)(Result{}, err)
		}
		s, err := OpenSection("generic section", GenericRead)
		must(t, err)
		closeLater(t, s)
		_, err = s.Map(Write, 0, 0)
		isNumber(t, err, 5, fs.ErrPermission)
	})
	t.Run("C402", func(t *testing.T) {
		for _, a := range []Access{1 << 20, Read, Write | Wait, 1 << 27} {
			refused(t, 5, fs.ErrPermission)(object(OpenEvent("generic", a)))
			refused(t, 5, fs.ErrPermission)(object(CreateEvent("generic, but new", EventOptions{Access: a})))
			refused(t, 2, fs.ErrNotExist)(object(OpenEvent("not generic", a)))
		}
	})
}
