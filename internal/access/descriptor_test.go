package access

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"atoll/internal/errs"
)

// The two rules, written down apart from what package access does with them.

// windows is AccessCheck: the entries in order, until all that is desired is allowed
// or something of it denied
// (https://learn.microsoft.com/windows/win32/secauthz/how-dacls-control-access-to-an-object).
func windows(acl []ACE, isFor func(Trustee) bool, k Kind, desired Mask) bool {
	for _, a := range acl {
		rights := a.Rights.Specific(k)
		switch {
		case desired == 0:
			return true
		case !isFor(a.Who):
		case a.Deny && rights&desired != 0:
			return false
		case !a.Deny:
			desired &^= rights
		}
	}
	return desired == 0
}

// somebody is a process that wants something.
type somebody struct {
	uid  int
	gids []uint32
}

// kernel is the access check algorithm of acl(5), for one without capabilities.
func kernel(r FileRights, owner, group int, who somebody, want Perm) bool {
	entries := []Entry{
		{TagOwner, Perm(r.Mode >> 6 & 7), 0},
		{TagOwnerGroup, Perm(r.Mode >> 3 & 7), 0},
		{TagOther, Perm(r.Mode & 7), 0},
	}
	if r.ACL != "" {
		var err error
		if entries, err = DecodeACL([]byte(r.ACL)); err != nil {
			return false
		}
	}
	mask := Perm(7)
	for _, e := range entries {
		if e.Tag == TagMask {
			mask = e.Perm
		}
	}
	for _, e := range entries {
		if e.Tag == TagOwner && who.uid == owner {
			return e.Perm&want == want
		}
	}
	for _, e := range entries {
		if e.Tag == TagUser && who.uid == int(e.ID) {
			return e.Perm&mask&want == want
		}
	}
	member := false
	for _, e := range entries {
		mine := e.Tag == TagOwnerGroup && slices.Contains(who.gids, uint32(group)) || e.Tag == TagGroup && slices.Contains(who.gids, e.ID)
		if mine && e.Perm&mask&want == want {
			return true
		}
		member = member || mine
	}
	for _, e := range entries {
		if e.Tag == TagOther && !member {
			return e.Perm&want == want
		}
	}
	return false
}

// subjects are the kinds of objects, as rights go.
var subjects = map[string]Subject{
	"section": {Kind: Section}, "mutex": {Kind: Mutex}, "semaphore": {Kind: Semaphore}, "event": {Kind: Event},
	"manual event": {Kind: Event, ManualReset: true}, "timer": {Kind: Timer}, "manual timer": {Kind: Timer, ManualReset: true},
}

// randomACL is a list of entries of a few trustees, whose rights mostly make sense.
func randomACL(r *rand.Rand) []ACE {
	pick := func(list ...Mask) Mask { return list[r.IntN(len(list))] }
	acl := make([]ACE, r.IntN(6))
	for i := range acl {
		a := &acl[i]
		a.Deny = r.IntN(4) == 0
		switch a.Who.Kind = TrusteeKind(r.IntN(6)); a.Who.Kind {
		case User:
			a.Who.ID = 1 + r.Uint32N(3)
		case Group:
			a.Who.ID = 10 + r.Uint32N(3)
		case System:
			a.Deny = false
		}
		switch r.IntN(8) {
		case 0:
			a.Rights = Mask(r.Uint32()) &^ Unknown
		case 1:
			a.Rights = Mask(r.Uint32N(0x20))
		default:
			a.Rights = pick(GenericAll, GenericAll, GenericRead, GenericExecute, GenericRead|GenericExecute, GenericRead|GenericWrite|GenericExecute, Wait|Modify, Wait, Read, Read|Write)
		}
	}
	return acl
}

// Wherever a list is accepted, Windows' rule on the list and the kernel's on the file
// agree, for whoever comes with whatever groups. The one thing that is coarser, by
// intent: who may write the file may also see the state.
func TestKernelAgreesWithWindows(t *testing.T) {
	const rounds = 200_000
	r := rand.New(rand.NewPCG(4, 390))
	for name, o := range subjects {
		read, write := map[bool]Mask{true: Read, false: Query}[o.Kind == Section], Wait|Modify
		switch {
		case o.Kind == Section:
			write = Read | Write
		case o.ManualReset:
			read = Wait
		case o.Kind == Mutex:
			write = Wait
		}
		accepted, long := 0, 0
		for range rounds {
			acl := randomACL(r)
			by := Creator{UID: 1 + r.IntN(2), GID: 10 + r.IntN(2)}
			s := Security{ACL: acl}
			got, err := s.FileRights(o, by)
			if err != nil {
				if !errors.Is(err, errors.ErrUnsupported) {
					t.Fatalf("%s: %+v: %v", name, acl, err)
				}
				continue
			}
			accepted++
			if got.ACL != "" {
				long++
			}
			for range 5 {
				who := somebody{uid: 1 + r.IntN(5)}
				for gid := range uint32(4) {
					if r.IntN(2) == 0 {
						who.gids = append(who.gids, 10+gid)
					}
				}
				isFor := func(x Trustee) bool {
					return x.Kind == Everyone || x.Kind == Owner && who.uid == by.UID || x.Kind == User && int(x.ID) == who.uid ||
						x.Kind == OwningGroup && slices.Contains(who.gids, uint32(by.GID)) || x.Kind == Group && slices.Contains(who.gids, x.ID)
				}
				mayWrite := windows(acl, isFor, o.Kind, write)
				mayRead := mayWrite || windows(acl, isFor, o.Kind, read)
				if k := kernel(got, by.UID, by.GID, who, WriteFile); k != mayWrite {
					t.Fatalf("%s: %+v of %+v: %+v may write: Windows %v, Linux %v with %+v", name, acl, by, who, mayWrite, k, got)
				}
				if k := kernel(got, by.UID, by.GID, who, ReadFile); k != mayRead {
					t.Fatalf("%s: %+v of %+v: %+v may read: Windows %v, Linux %v with %+v", name, acl, by, who, mayRead, k, got)
				}
			}
		}
		t.Logf("%s: %d of %d lists accepted, %d need an ACL", name, accepted, rounds, long)
		if accepted < rounds/10 || long < rounds/50 {
			t.Errorf("%s: too few lists are accepted to tell anything", name)
		}
	}
}

// Readers are those who may read and not write; whoever changes the object must know
// that there may be some.
func TestReaders(t *testing.T) {
	o := Subject{Kind: Event, ManualReset: true}
	allow := func(k TrusteeKind, m Mask) ACE { return ACE{Who: Trustee{Kind: k, ID: 7}, Rights: m} }
	for name, c := range map[string]struct {
		s    Security
		want bool
	}{
		"nobody":               {Security{}, false},
		"a mode for all":       {Security{Mode: 0o666}, false},
		"a mode for readers":   {Security{Mode: 0o644}, true},
		"a group of readers":   {Security{Mode: 0o640}, true},
		"an owner who reads":   {Security{Mode: 0o400}, true},
		"a named reader":       {Security{Mode: 0o600, ACL: []ACE{allow(User, Wait)}}, true},
		"a named writer":       {Security{Mode: 0o600, ACL: []ACE{allow(User, Wait|Modify)}}, false},
		"everyone may wait":    {Security{ACL: []ACE{allow(Owner, GenericAll), allow(Everyone, GenericExecute)}}, true},
		"everyone may all":     {Security{ACL: []ACE{allow(Everyone, GenericAll)}}, false},
		"one group may wait":   {Security{ACL: []ACE{allow(Owner, GenericAll), allow(Group, Wait)}}, true},
		"nobody, by the list":  {Security{ACL: []ACE{}}, false},
		"root may all, others": {Security{ACL: []ACE{allow(System, GenericAll)}}, false},
	} {
		r, err := c.s.FileRights(o, Creator{1, 1})
		if err != nil || r.Readers != c.want {
			t.Errorf("%s: %+v, %v, want %v", name, r, err, c.want)
		}
	}
}

// What the kernel cannot do is refused, with the reason and the way out.
func TestSecurityRefused(t *testing.T) {
	event, manual := Subject{Kind: Event}, Subject{Kind: Event, ManualReset: true}
	section, mutex := Subject{Kind: Section}, Subject{Kind: Mutex}
	u, g, h, all, root := Trustee{User, 7}, Trustee{Group, 20}, Trustee{Group, 21}, Trustee{Kind: Everyone}, Trustee{Kind: System}
	id := func(n int) *int { return &n }
	for text, c := range map[string]struct {
		o    Subject
		s    Security
		want error
	}{
		"everybody else: to an event the access wait does not go without modify (unless it is manual-reset) on Linux": {event, Security{ACL: []ACE{{Who: all, Rights: Wait}}}, errors.ErrUnsupported},
		"everybody else: to an event the access modify does not go without wait on Linux":                             {event, Security{ACL: []ACE{{Who: all, Rights: Modify}}}, errors.ErrUnsupported},
		"to an event the access modify+query does not go without wait on Linux, where the kernel knows":               {manual, Security{ACL: []ACE{{Who: all, Rights: GenericRead | GenericWrite}}}, errors.ErrUnsupported},
		"user 7: to an event the access query does not go without wait on Linux":                                      {manual, Security{ACL: []ACE{{Who: u, Rights: GenericRead}}}, errors.ErrUnsupported},
		"to a section the access write does not go without read on Linux":                                             {section, Security{ACL: []ACE{{Who: all, Rights: GenericWrite}}}, errors.ErrUnsupported},
		"to a section the access execute does not go without read":                                                    {section, Security{ACL: []ACE{{Who: all, Rights: GenericExecute}}}, errors.ErrUnsupported},
		"user 7 would have r--, but rw- if it is in group 20":                                                         {section, Security{ACL: []ACE{{Who: Trustee{Kind: Owner}, Rights: GenericAll}, {Who: u, Rights: Read}, {Who: g, Rights: Read | Write}}}, errors.ErrUnsupported},
		"user 1 would have ---, but rw- if it is in group 20":                                                         {mutex, Security{ACL: []ACE{{Who: g, Rights: GenericAll}}}, errors.ErrUnsupported},
		"user 1 would have rw-, but --- if it is in group 2":                                                          {section, Security{ACL: []ACE{{Deny: true, Who: Trustee{Kind: OwningGroup}, Rights: GenericAll}, {Who: all, Rights: GenericAll}}}, errors.ErrUnsupported},
		"a user in the groups 2 and 20 would have --- on Windows and rw- on Linux":                                    {section, Security{ACL: []ACE{{Who: Trustee{Kind: Owner}, Rights: GenericAll}, {Deny: true, Who: g, Rights: GenericAll}, {Who: all, Rights: GenericAll}}}, errors.ErrUnsupported},
		"a user in the groups 20 and 21 would have":                                                                   {section, Security{ACL: []ACE{{Who: Trustee{Kind: Owner}, Rights: GenericAll}, {Deny: true, Who: g, Rights: Write}, {Who: g, Rights: Read}, {Who: h, Rights: Read | Write}}}, errors.ErrUnsupported},
		"ACL[0] denies root something, which Linux cannot":                                                            {section, Security{ACL: []ACE{{Deny: true, Who: root, Rights: GenericAll}}}, errors.ErrUnsupported},
		"ACL[0]: it has rights that a mutex does not know":                                                            {mutex, Security{ACL: []ACE{{Who: all, Rights: Unknown}}}, fs.ErrInvalid},
		"ACL[1]: user 4294967295 is no user or group":                                                                 {mutex, Security{ACL: []ACE{{Who: all}, {Who: Trustee{User, noID}}}}, fs.ErrInvalid},
		"ACL[0]: there is no kind of trustee 77":                                                                      {mutex, Security{ACL: []ACE{{Who: Trustee{Kind: 77}, Rights: Wait}}}, fs.ErrInvalid},
		"to a timer the access wait does not go without modify (unless it is manual-reset) on Linux":                  {Subject{Kind: Timer}, Security{ACL: []ACE{{Who: all, Rights: Wait}}}, errors.ErrUnsupported},
		"to a semaphore the access wait does not go without modify on Linux":                                          {Subject{Kind: Semaphore}, Security{ACL: []ACE{{Who: all, Rights: Wait}}}, errors.ErrUnsupported},
		"ACL[0]: group 4294967295 is no user or group":                                                                {mutex, Security{Mode: 0o600, ACL: []ACE{{Who: Trustee{Group, noID}}}}, fs.ErrInvalid},
		"ACL[0]: an entry beside a Mode cannot deny":                                                                  {mutex, Security{Mode: 0o600, ACL: []ACE{{Deny: true, Who: u}}}, fs.ErrInvalid},
		"ACL[0]: an entry beside a Mode is for a user or a group, not for everyone":                                   {mutex, Security{Mode: 0o600, ACL: []ACE{{Who: all}}}, fs.ErrInvalid},
		"ACL[1]: user 7 has an entry already":                                                                         {mutex, Security{Mode: 0o600, ACL: []ACE{{Who: u}, {Who: u}}}, fs.ErrInvalid},
		"ACL[0]: user 7 is the owner, whose rights are in Mode":                                                       {mutex, Security{Mode: 0o600, Owner: id(7), ACL: []ACE{{Who: u}}}, fs.ErrInvalid},
		"ACL[0]: to an event the access wait does not go without modify":                                              {event, Security{Mode: 0o600, ACL: []ACE{{Who: u, Rights: Wait}}}, errors.ErrUnsupported},
		"ACL[0]: it has rights that a section does not know":                                                          {section, Security{Mode: 0o600, ACL: []ACE{{Who: u, Rights: Unknown}}}, fs.ErrInvalid},
		"Mode 0602 lets somebody write who may not read":                                                              {section, Security{Mode: 0o602}, fs.ErrInvalid},
		"Mode 0700 has bits other than reading and writing":                                                           {section, Security{Mode: 0o700}, fs.ErrInvalid},
		"Group -1 is no number of a user or group":                                                                    {section, Security{Group: id(-1)}, fs.ErrInvalid},
	} {
		_, err := c.s.FileRights(c.o, Creator{UID: 1, GID: 2})
		if !errors.Is(err, c.want) || !contains(err, text) {
			t.Errorf("got %v, want %q", err, text)
		}
		if want := map[bool]uint32{true: errs.NotSupported, false: errs.InvalidParameter}[c.want == errors.ErrUnsupported]; errs.Number(err) != want { //nolint:errorlint // of the table
			t.Errorf("%v has the number %d", err, errs.Number(err))
		}
	}
}

func contains(err error, text string) bool {
	return err != nil && strings.Contains(err.Error(), text)
}

func TestACLRoundTrip(t *testing.T) {
	entries := []Entry{{TagOwner, 6, 0}, {TagUser, 4, 1000}, {TagUser, 6, 1<<32 - 2}, {TagOwnerGroup, 0, 0}, {TagGroup, 6, 0}, {TagMask, 6, 0}, {TagOther, 4, 0}}
	got, err := DecodeACL(EncodeACL(entries))
	if err != nil || !slices.Equal(got, entries) {
		t.Errorf("%v, %v", got, err)
	}
	const text = "user::rw-,user:1000:r--,user:4294967294:rw-,group::---,group:0:rw-,mask::rw-,other::r--"
	if got := strings.Join(ACLText(got), ","); got != text {
		t.Errorf("%s, want %s", got, text)
	}
	for _, b := range [][]byte{nil, {2, 0, 0}, {1, 0, 0, 0}, {2, 0, 0, 0, 1, 0, 6}, EncodeACL(entries)[:13]} {
		if _, err := DecodeACL(b); !errors.Is(err, errs.ErrCorrupt) {
			t.Errorf("%v: %v", b, err)
		}
	}
}

func FuzzDecodeACL(f *testing.F) {
	f.Add(EncodeACL([]Entry{{TagOwner, 6, 0}, {TagUser, 4, 1000}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := DecodeACL(b)
		if err == nil && len(entries) != (len(b)-4)/8 {
			t.Fatalf("%d entries of %d bytes", len(entries), len(b))
		}
		_ = ACLText(entries)
	})
}
