package access

import (
	"errors"
	"io/fs"
	"testing"

	"pgregory.net/rapid"

	"atoll/internal/errs"
)

func TestGrant(t *testing.T) {
	for _, c := range []struct {
		asked, usual, all, want Mask
		bad                     bool
	}{
		{0, Read | Write, SectionAll, Read | Write, false},
		{0, Read, SectionAll, Read, false},
		{Read, Read | Write, SectionAll, Read, false},
		{Write, Read | Write, SectionAll, Write, false},
		{Copy, Read | Write, SectionAll, Read, false},
		{Copy | Execute, Read, SectionAll, Read | Execute, false},
		{Wait, Read, SectionAll, 0, true},
		{Read, Synchronization, Synchronization, 0, true},
		{1 << 20, Synchronization, Synchronization, 0, true},
		{Wait, Synchronization, Synchronization, Wait, false},
		{Wait | Modify, Synchronization, Synchronization, Wait | Modify, false},
	} {
		got, err := Grant(c.asked, c.usual, c.all)
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("Grant(%s, %s, %s) = %s, %v", c.asked, c.usual, c.all, got, err)
		}
		if c.bad && errs.Number(err) != errs.InvalidParameter {
			t.Errorf("%v has number %d, want 87", err, errs.Number(err))
		}
	}
}

func TestCheck(t *testing.T) {
	if err := Check(Read|Write, Read); err != nil {
		t.Error(err)
	}
	err := Check(Read, Read|Write)
	if !errors.Is(err, fs.ErrPermission) || errs.Number(err) != errs.AccessDenied {
		t.Errorf("got %v", err)
	}
	const want = "the handle's access does not allow it (has read, needs read+write)"
	if err.Error() != want {
		t.Errorf("text %q, want %q", err, want)
	}
}

func TestProtection(t *testing.T) {
	for p, want := range map[Protection]struct {
		creator Mask
		name    string
	}{
		ReadWrite:        {Read | Write, "read-write"},
		ReadOnly:         {Read, "read-only"},
		WriteCopy:        {Read, "write-copy"},
		ExecuteReadWrite: {Read | Write | Execute, "execute-read-write"},
		ExecuteRead:      {Read | Execute, "execute-read"},
		ExecuteWriteCopy: {Read | Execute, "execute-write-copy"},
	} {
		if !p.Valid() || p.Creator() != want.creator || p.String() != want.name {
			t.Errorf("%d: valid %v, creator %s, name %s", p, p.Valid(), p.Creator(), p)
		}
	}
	for _, p := range []Protection{0, 7, 1 << 31} {
		if p.Valid() || p.String() != "unknown" {
			t.Errorf("%d: valid %v, name %s", p, p.Valid(), p)
		}
	}
}

// View, by the table of MapViewOfFile: what the handle's rights and the section's
// protection make of the access asked for.
func TestView(t *testing.T) {
	read, write := ViewProtection{}, ViewProtection{Write: true}
	private := ViewProtection{Write: true, CopyOnWrite: true}
	for _, c := range []struct {
		name           string
		section        Protection
		granted, asked Mask
		want           ViewProtection
		number         uint32
	}{
		{"read of read-write", ReadWrite, Read | Write, Read, read, 0},
		{"write of read-write", ReadWrite, Read | Write, Write, write, 0},
		{"read and write", ReadWrite, Read | Write, Read | Write, write, 0},
		{"write through a handle without write", ReadWrite, Read, Write, read, 5},
		{"read through a handle without read", ReadWrite, Write, Read, read, 5},
		{"write alone needs write alone", ReadWrite, Write, Write, write, 0},
		{"copy needs read", ReadWrite, Read, Copy, private, 0},
		{"copy of a read-only section", ReadOnly, Read, Copy, private, 0},
		{"copy of a write-copy section", WriteCopy, Read, Copy, private, 0},
		{"copy and write is write", ReadWrite, Read | Write, Copy | Write, write, 0},
		{"copy and read is read", ReadWrite, Read | Write, Copy | Read, read, 0},
		{"copy through a handle without read", ReadWrite, Write, Copy, read, 5},
		{"write of a read-only section", ReadOnly, Read, Write, read, 5},
		{"write of a read-only section, all granted", ReadOnly, Read | Write, Write, read, 87},
		{"execute of a read-write section", ReadWrite, Read | Write | Execute, Read | Execute, read, 87},
		{"execute", ExecuteRead, Read | Execute, Read | Execute, ViewProtection{Execute: true}, 0},
		{"execute alone is no view", ExecuteRead, Read | Execute, Execute, read, 87},
		{"unknown bits", ReadWrite, Read | Write, Wait, read, 87},
		{"usual of read-write", ReadWrite, Read | Write, 0, write, 0},
		{"usual of read-only", ReadOnly, Read, 0, read, 0},
		{"usual of a handle that may only read", ReadWrite, Read, 0, read, 0},
		{"usual of a handle that may nothing", ReadWrite, 0, 0, read, 87},
	} {
		got, err := View(c.section, c.granted, c.asked)
		if errs.Number(err) != c.number {
			t.Errorf("%s: error %v (%d), want %d", c.name, err, errs.Number(err), c.number)
		}
		if err == nil && got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// Whatever is asked, a view never does more than the handle and the section allow.
func TestViewNeverExceedsItsHandle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		section := Protection(rapid.Uint32Range(1, 6).Draw(t, "section"))
		granted := Mask(rapid.Uint32Range(0, 63).Draw(t, "granted"))
		asked := Mask(rapid.Uint32().Draw(t, "asked") & rapid.SampledFrom([]uint32{15, 63, 1<<32 - 1}).Draw(t, "bits"))
		v, err := View(section, granted, asked)
		if err != nil {
			return
		}
		shared := v.Write && !v.CopyOnWrite
		switch {
		case shared && (granted&Write == 0 || !section.Writable()):
			t.Fatalf("a writable view of a %s section through a handle with %s", section, granted)
		case v.Execute && (granted&Execute == 0 || !section.Executable()):
			t.Fatalf("an executable view of a %s section through a handle with %s", section, granted)
		case !shared && granted&Read == 0:
			t.Fatalf("a readable view through a handle with %s", granted)
		}
	})
}

// A duplicate has no right that neither its source nor the object has.
func TestRegrant(t *testing.T) {
	for _, c := range []struct {
		asked, source, usual, want Mask
		number                     uint32
	}{
		{0, Read, Read | Write, Read, 0},
		{0, Read | Write, Read, Read | Write, 0},
		{Read, Read | Write, Read | Write, Read, 0},
		{Copy, Write, Read | Write, Read, 0},
		{Read | Write, Read, Read | Write, Read | Write, 0},
		{Read | Write, Read | Write, Read, Read | Write, 0},
		{Read | Write, Read, Read, 0, 5},
		{Execute, Read, Read | Write, 0, 5},
		{Wait, Read, Read, 0, 87},
	} {
		got, err := Regrant(c.asked, c.source, c.usual, SectionAll)
		if errs.Number(err) != c.number || got != c.want {
			t.Errorf("%+v: got %s, %v", c, got, err)
		}
	}
}

func TestMaskString(t *testing.T) {
	for m, want := range map[Mask]string{
		0: "none", Read: "read", Read | Write: "read+write", Wait | Modify: "wait+modify",
		SectionAll: "read+write+copy+execute", 1 << 20: "none",
	} {
		if m.String() != want {
			t.Errorf("%#x is %q, want %q", uint32(m), m, want)
		}
	}
}
