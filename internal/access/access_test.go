package access

import (
	"errors"
	"io/fs"
	"testing"

	"pgregory.net/rapid"

	"atoll/internal/errs"
)

// The generic rights of each kind, by the table of the object types (C396 to C398).
func TestGenericRights(t *testing.T) {
	for k, want := range map[Kind][4]Mask{ // all, execute, write, read
		Section:   {0xF001F, 0x20008, 0x20002, 0x20005},
		Mutex:     {0x1F0001, 0x120000, 0x20000, 0x20001},
		Semaphore: {0x1F0003, 0x120000, 0x20002, 0x20001},
		Event:     {0x1F0003, 0x120000, 0x20002, 0x20001},
		Timer:     {0x1F0003, 0x120000, 0x20002, 0x20001},
		Job:       {0x1F003F, 0x120000, 0x2000B, 0x20004},
		File:      {0x1F01FF, 0x1200A0, 0x120116, 0x120089},
		Process:   {0x1FFFFF, 0x121001, 0x20BEA, 0x20410},
		Thread:    {0x1FFFFF, 0x121800, 0x20437, 0x20048},
	} {
		for i, asked := range []Mask{GenericAll, GenericExecute, GenericWrite, GenericRead} {
			if got := asked.Specific(k); got != want[i] {
				t.Errorf("%s: %#x is %#x, want %#x", k, uint32(asked), uint32(got), uint32(want[i]))
			}
		}
		if got := (GenericRead | GenericWrite | Delete).Specific(k); got != want[2]|want[3]|Delete {
			t.Errorf("%s: added up they are %#x", k, uint32(got))
		}
	}
}

// What a call asks for, what the kernel allows on the file, and what comes of it.
func TestGrant(t *testing.T) {
	section := func(p Protection, writable bool) Subject {
		return Subject{Kind: Section, Protection: p, Writable: writable}
	}
	of := func(k Kind, writable bool) Subject { return Subject{Kind: k, Writable: writable} }
	manual := func(k Kind, writable bool) Subject { return Subject{Kind: k, ManualReset: true, Writable: writable} }
	created := func(o Subject) Subject { o.Created, o.Writable = true, true; return o }
	nothing := Request{Exact: true}
	for name, c := range map[string]struct {
		request Request
		of      Subject
		want    Mask
		number  uint32
	}{
		"usual of a section":                  {Request{}, section(ReadWrite, true), 0xF0007, 0},
		"usual of a read-only section":        {Request{}, section(ReadOnly, true), 0xF0005, 0},
		"usual of an executable section":      {Request{}, section(ExecuteReadWrite, true), 0xF000F, 0},
		"usual, a reader, read-only section":  {Request{}, section(ReadOnly, false), 0x20005, 0},
		"usual, a reader, section":            {Request{}, section(ReadWrite, false), 0, 5},
		"read, a reader":                      {Request{Access: Read}, section(ReadWrite, false), Read, 0},
		"write, a reader":                     {Request{Access: Read | Write}, section(ReadWrite, false), 0, 5},
		"write alone":                         {Request{Access: Write}, section(ReadWrite, true), Write, 0},
		"more than the protection":            {Request{Access: Write}, section(ReadOnly, true), Write, 0},
		"C398 generic all":                    {Request{Access: GenericAll}, section(ReadWrite, true), 0xF001F, 0},
		"generic all, a reader":               {Request{Access: GenericAll}, section(ReadWrite, false), 0, 5},
		"synchronize, a section":              {Request{Access: Wait}, section(ReadWrite, true), Wait, 0},
		"C402 modify of a section":            {Request{Access: 1 << 6}, section(ReadWrite, true), 0, 5},
		"usual of a mutex":                    {Request{}, of(Mutex, true), 0x1F0001, 0},
		"usual of a mutex, a reader":          {Request{}, of(Mutex, false), 0, 5},
		"wait for a mutex, a reader":          {Request{Access: Wait}, of(Mutex, false), 0, 5},
		"query of a mutex, a reader":          {Request{Access: Query}, of(Mutex, false), Query, 0},
		"a second bit of a mutex":             {Request{Access: Modify}, of(Mutex, true), 0, 5},
		"usual of an event":                   {Request{}, of(Event, true), 0x1F0003, 0},
		"wait for an event, a reader":         {Request{Access: Wait}, of(Event, false), 0, 5},
		"wait for a manual event, a reader":   {Request{Access: Wait}, manual(Event, false), Wait, 0},
		"set a manual event, a reader":        {Request{Access: Wait | Modify}, manual(Event, false), 0, 5},
		"usual of a manual timer, a reader":   {Request{}, manual(Timer, false), 0, 5},
		"wait for a manual timer, a reader":   {Request{Access: GenericExecute}, manual(Timer, false), 0x120000, 0},
		"change rights, a reader":             {Request{Access: Wait | WriteDAC}, manual(Timer, false), 0, 5},
		"C396 generic read":                   {Request{Access: GenericRead}, of(Event, true), 0x20001, 0},
		"the most there is":                   {Request{Access: MaximumAllowed}, of(Semaphore, true), 0x1F0003, 0},
		"the most there is, a reader":         {Request{Access: MaximumAllowed}, manual(Event, false), 0x120001, 0},
		"the most there is, a mutex's reader": {Request{Access: MaximumAllowed}, of(Mutex, false), 0x20001, 0},
		"C402 an unknown bit":                 {Request{Access: Unknown}, of(Event, true), 0, 5},
		"C402 an unknown bit of a new one":    {Request{Access: Unknown | Wait}, created(of(Event, true)), 0, 5},
		"all bits":                            {Request{Access: 1<<32 - 1}, of(Event, true), 0, 5},
		"the audit list":                      {Request{Access: SystemSecurity}, of(Event, true), 0, 1314},
		"nothing of an object that exists":    {nothing, of(Event, true), 0, 5},
		"nothing of a new object":             {nothing, created(of(Event, true)), 0, 0},
		"the creator of what nobody may read": {Request{Access: GenericAll}, created(of(Event, true)), 0x1F0003, 0},
	} {
		got, err := c.request.Grant(c.of)
		if got != c.want || errs.Number(err) != c.number {
			t.Errorf("%s: %#x, %v (%d), want %#x, %d", name, uint32(got), err, errs.Number(err), uint32(c.want), c.number)
		}
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v is not fs.ErrPermission", name, err)
		}
	}
}

// No reader gets a right that writes, and nobody gets more than was asked for.
func TestGrantNeverExceedsTheFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Subject{
			Kind:        Kind(rapid.Uint32Range(1, 6).Draw(t, "kind")),
			Protection:  Protection(rapid.Uint32Range(1, 6).Draw(t, "protection")),
			ManualReset: rapid.Bool().Draw(t, "manual"), Writable: rapid.Bool().Draw(t, "writable"),
		}
		q := Request{Access: Mask(rapid.Uint32().Draw(t, "access") & rapid.SampledFrom([]uint32{0, 0xF, 0x1F003F, 0xF3FFFFFF, 1<<32 - 1}).Draw(t, "bits")), Exact: rapid.Bool().Draw(t, "exact")}
		got, err := q.Grant(o)
		if err != nil {
			return
		}
		asked := q.Access.Specific(o.Kind)
		switch {
		case !o.Writable && got&o.Writes() != 0:
			t.Fatalf("a reader may %s", got.Text(o.Kind))
		case got&^kinds[o.Kind].most != 0:
			t.Fatalf("%#x is no right of a %s", uint32(got), o.Kind)
		case asked != 0 && asked&MaximumAllowed == 0 && got != asked:
			t.Fatalf("asked for %#x, got %#x", uint32(asked), uint32(got))
		}
	})
}

// A duplicate has no right that neither its source nor the object has.
func TestRegrant(t *testing.T) {
	of := func(p Protection, writable bool) Subject {
		return Subject{Kind: Section, Protection: p, Writable: writable}
	}
	for name, c := range map[string]struct {
		request Request
		of      Subject
		source  Mask
		want    Mask
		number  uint32
	}{
		"the same":                        {Request{}, of(ReadWrite, true), Read, Read, 0},
		"the same, of what is lost":       {Request{}, of(ReadWrite, false), Read | Write, Read | Write, 0},
		"nothing":                         {Request{Exact: true}, of(ReadWrite, true), Read, 0, 0},
		"less":                            {Request{Access: Read}, of(ReadWrite, true), Read | Write, Read, 0},
		"more":                            {Request{Access: Read | Write}, of(ReadWrite, true), Read, Read | Write, 0},
		"as much, of a file for reading":  {Request{Access: Read | Write}, of(ReadWrite, false), Read | Write, Read | Write, 0},
		"more, of a file for reading":     {Request{Access: Read | Write}, of(ReadWrite, false), Read, 0, 5},
		"more than the protection":        {Request{Access: Write}, of(ReadOnly, true), Read, 0, 5},
		"more than the protection, exact": {Request{Access: GenericAll, Exact: true}, of(ReadOnly, true), Read, 0xF001F, 0},
		"the most, exact, for reading":    {Request{Access: GenericAll, Exact: true}, of(ReadOnly, false), Read, 0, 5},
		"execute":                         {Request{Access: Execute}, of(ReadWrite, true), Read | Write, 0, 5},
		"generic all of all":              {Request{Access: GenericAll}, of(ExecuteReadWrite, true), 0xF000F, 0xF001F, 0},
		"the most there is":               {Request{Access: MaximumAllowed}, of(ReadWrite, false), Write, 0x20007, 0},
		"all bits":                        {Request{Access: 1<<32 - 1}, of(ReadWrite, true), 0xF001F, 0, 5},
		"unknown bits":                    {Request{Access: 1 << 9}, of(ReadWrite, true), 0xF001F, 0, 5},
		"wait for a section, exact":       {Request{Access: Wait | Read, Exact: true}, of(ReadOnly, false), Read, Wait | Read, 0},
		"wait for a section, not exact":   {Request{Access: Wait}, of(ReadOnly, true), Read, 0, 5},
		"the most there is, exact":        {Request{Access: MaximumAllowed, Exact: true}, of(ReadWrite, true), Read, 0xF001F, 0},
		"wait for a mutex":                {Request{Access: Wait}, Subject{Kind: Mutex, Writable: true}, Query, Wait, 0},
		"wait for a mutex, a reader":      {Request{Access: Wait}, Subject{Kind: Mutex}, Query, 0, 5},
	} {
		got, err := c.request.Regrant(c.of, c.source)
		if errs.Number(err) != c.number || got != c.want {
			t.Errorf("%s: got %#x, %v, want %#x, %d", name, uint32(got), err, uint32(c.want), c.number)
		}
	}
}

// The text that tells a reader what to ask for.
func TestGrantSaysTheWayOut(t *testing.T) {
	for want, o := range map[string]Subject{
		"write; open it with the access Read":  {Kind: Section, Protection: ReadWrite},
		"modify; open it with the access Wait": {Kind: Event, ManualReset: true},
		"modify+wait; it is enough for the access Query, and for manual-reset events and timers also with the access Wait": {Kind: Semaphore},
	} {
		o.UID, o.Mode = 1000, 0o644
		want = "its file, which belongs to uid 1000 and has mode 0644, may only be read by this user, which does not allow " + want
		if _, err := (&Request{}).Grant(o); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestCheck(t *testing.T) {
	if err := Check(Section, Read|Write, Read); err != nil {
		t.Error(err)
	}
	err := Check(Section, Read, Read|Write)
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
		usual Mask
		name  string
	}{
		ReadWrite:        {0xF0007, "read-write"},
		ReadOnly:         {0xF0005, "read-only"},
		WriteCopy:        {0xF0005, "write-copy"},
		ExecuteReadWrite: {0xF000F, "execute-read-write"},
		ExecuteRead:      {0xF000D, "execute-read"},
		ExecuteWriteCopy: {0xF000D, "execute-write-copy"},
	} {
		if !p.Valid() || p.Usual() != want.usual || p.String() != want.name {
			t.Errorf("%d: valid %v, usual %#x, name %s", p, p.Valid(), uint32(p.Usual()), p)
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
		granted := Mask(rapid.Uint32Range(0, 31).Draw(t, "granted"))
		asked := Mask(rapid.Uint32().Draw(t, "asked") & rapid.SampledFrom([]uint32{15, 63, 1<<32 - 1}).Draw(t, "bits"))
		v, err := View(section, granted, asked)
		if err != nil {
			return
		}
		shared := v.Write && !v.CopyOnWrite
		switch {
		case shared && (granted&Write == 0 || !section.Writable()):
			t.Fatalf("a writable view of a %s section through a handle with %s", section, granted.Text(Section))
		case v.Execute && (granted&Execute == 0 || !section.Executable()):
			t.Fatalf("an executable view of a %s section through a handle with %s", section, granted.Text(Section))
		case !shared && granted&Read == 0:
			t.Fatalf("a readable view through a handle with %s", granted.Text(Section))
		}
	})
}

// What a view was mapped for, asked for again, gives the same view.
func TestViewProtectionRights(t *testing.T) {
	for _, c := range []struct {
		v    ViewProtection
		want Mask
	}{
		{ViewProtection{}, Read},
		{ViewProtection{Write: true}, Read | Write},
		{ViewProtection{Write: true, CopyOnWrite: true}, Copy},
		{ViewProtection{Execute: true}, Read | Execute},
		{ViewProtection{Write: true, Execute: true}, Read | Write | Execute},
		{ViewProtection{Write: true, CopyOnWrite: true, Execute: true}, Copy | Execute},
	} {
		if got := c.v.Rights(); got != c.want {
			t.Errorf("%+v: %s, want %s", c.v, got.Text(AView), c.want.Text(AView))
		}
		if again, err := View(ExecuteReadWrite, Read|Write|Execute, c.want); err != nil || again != c.v {
			t.Errorf("%s gives %+v, %v, want %+v", c.want.Text(AView), again, err, c.v)
		}
	}
}

// What pages of a view can be made to allow.
func TestNarrow(t *testing.T) {
	read, write := ViewProtection{}, ViewProtection{Write: true}
	private := ViewProtection{Write: true, CopyOnWrite: true}
	privateRead := ViewProtection{CopyOnWrite: true}
	all := ViewProtection{Write: true, Execute: true}
	for _, c := range []struct {
		view   ViewProtection
		asked  Mask
		want   ViewProtection
		number uint32
	}{
		{read, Read, read, 0},
		{read, 0, read, 0},
		{read, Write, read, 87},
		{read, Read | Execute, read, 87},
		{read, Copy, read, 50},
		{write, Read, read, 0},
		{write, Write, write, 0},
		{write, Read | Write, write, 0},
		{write, Copy, read, 50},
		{private, Read, privateRead, 0},
		{private, Copy, private, 0},
		{private, Write, read, 87},
		{all, Read | Execute, ViewProtection{Execute: true}, 0},
		{all, Write | Execute, all, 0},
		{all, Execute, read, 87},
		{all, Wait, read, 87},
		{all, Read | 1<<20, read, 87},
	} {
		got, err := c.view.Narrow(c.asked)
		if errs.Number(err) != c.number || err == nil && got != c.want {
			t.Errorf("%s of %+v: %+v, %v, want %+v and number %d", c.asked.Text(AView), c.view, got, err, c.want, c.number)
		}
	}
}

func TestMaskText(t *testing.T) {
	for _, c := range []struct {
		m    Mask
		k    Kind
		want string
	}{
		{0, Event, "none"},
		{Read, Section, "read"},
		{Read | Write, AView, "read+write"},
		{Copy | Execute, AView, "copy+execute"},
		{0x1F0001, Mutex, "modify+wait+delete+read-control+write-dac+write-owner"},
		{Wait | Modify | Query, Timer, "modify+query+wait"},
		{Read | Execute, Event, "none"},
		{Modify, Mutex, "none"},
		{1 << 6, Section, "none"},
		{0xF001F, Section, "read+write+query+execute+extend+delete+read-control+write-dac+write-owner"},
	} {
		if c.m.Text(c.k) != c.want {
			t.Errorf("%#x of a %s is %q, want %q", uint32(c.m), c.k, c.m.Text(c.k), c.want)
		}
	}
}

// Who looks at the mode goes on seeing that others could write; nobody is let in by it.
func TestStayGuarded(t *testing.T) {
	acl := func(entries ...Entry) string { return string(EncodeACL(entries)) }
	owner, group, other := Entry{Tag: TagOwner, Perm: WriteFile}, Entry{Tag: TagOwnerGroup}, Entry{Tag: TagOther}
	mask, user := Entry{Tag: TagMask, Perm: WriteFile}, Entry{Tag: TagUser, ID: 7, Perm: ReadFile}
	for name, c := range map[string]struct{ is, want FileRights }{
		"nobody else":      {FileRights{Mode: 0o600}, FileRights{Mode: 0o660, ACL: acl(owner, group, mask, other)}},
		"nobody at all":    {FileRights{}, FileRights{Mode: 0o060, ACL: acl(Entry{Tag: TagOwner}, group, mask, other)}},
		"a user who reads": {FileRights{Mode: 0o640, ACL: acl(owner, user, group, Entry{Tag: TagMask, Perm: ReadFile}, other)}, FileRights{Mode: 0o660, ACL: acl(owner, user, group, mask, other)}},
		"others write":     {FileRights{Mode: 0o606}, FileRights{Mode: 0o606}},
	} {
		if c.is.StayGuarded(); c.is != c.want {
			t.Errorf("%s: %+v, want %+v", name, c.is, c.want)
		}
	}
}
