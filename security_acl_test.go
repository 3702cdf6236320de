//go:build linux

package atoll

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/lockfile"
	"atoll/internal/testkit"
)

// aclTools skips a test where getfacl and setfacl are missing.
func aclTools(t *testing.T) {
	t.Helper()
	_, get := exec.LookPath("getfacl")
	_, set := exec.LookPath("setfacl")
	testkit.Need(t, get == nil && set == nil, "getfacl and setfacl (apt-get install acl)")
}

// getfacl is what the tool says about a file, on one line.
func getfacl(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("getfacl", "-cnE", "--absolute-names", path).Output()
	must(t, err)
	return strings.ReplaceAll(strings.TrimSpace(string(out)), "\n", ",")
}

// securities are P5: what was asked for, and what getfacl says of the file. The
// creator is root with the group root.
var securities = []struct {
	typ      string // of "" each
	security Security
	sddl     string
	want     string
}{
	{"", Security{}, "", "user::rw-,group::---,other::---"},
	{"", Security{Mode: 0o644}, "", "user::rw-,group::r--,other::r--"},
	{"", Security{Mode: 0o606}, "", "user::rw-,group::---,other::rw-"},
	{"", Security{ACL: []ACE{}}, "D:", "user::---,group::---,other::---"},
	{"", Security{ACL: []ACE{{Access: GenericAll}}}, "D:NO_ACCESS_CONTROL", "user::rw-,group::rw-,other::rw-"},
	{"", Security{}, "O:SY", "user::rw-,group::---,other::---"},
	{"", Security{}, "D:(A;;GA;;;WD)", "user::rw-,group::rw-,other::rw-"},
	{"", Security{}, "D:P(A;;GA;;;SY)(A;;GA;;;BA)", "user::rw-,group::---,other::---"},
	{"", Security{}, "D:(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGWGX;;;AU)", "user::rw-,group::rw-,other::rw-"},
	{"section", Security{}, "D:(A;;0x00000004;;;WD)(A;;GA;;;CO)", "user::rw-,group::r--,other::r--"},
	{"event", Security{}, "D:(A;;0x00100002;;;AU)", "user::rw-,group::rw-,other::rw-"},
	{"event", Security{}, "D:(A;;GX;;;AU)(A;;GA;;;OW)", "user::rw-,group::r--,other::r--"},
	{"mutex", Security{}, "D:(A;;GX;;;S-1-22-1-1000)(A;;GA;;;OW)", "user::rw-,user:1000:rw-,group::---,mask::rw-,other::---"},
	{"mutex", Security{}, "D:(A;;GR;;;WD)(A;;GA;;;OW)", "user::rw-,group::r--,other::r--"},
	{"semaphore", Security{}, "D:(A;;GRGX;;;WD)", "refused: access query+wait does not go without modify"},
	{"semaphore", Security{}, "D:(A;;GRGWGX;;;S-1-22-2-1000)(A;;GA;;;OW)", "user::rw-,group::---,group:1000:rw-,mask::rw-,other::---"},
	{"section", Security{}, "D:(D;;GA;;;S-1-22-1-1001)(A;;GA;;;OW)(A;;GR;;;WD)", "user::rw-,user:1001:---,group::r--,mask::r--,other::r--"},
	{"section", Security{}, "D:(A;;GA;;;OW)(A;;GR;;;S-1-22-2-7)(A;;GRGW;;;S-1-22-2-8)(A;;GRGW;;;S-1-22-1-9)", "user::rw-,user:9:rw-,group::---,group:7:r--,group:8:rw-,mask::rw-,other::---"},
	{"section", Security{}, "G:S-1-22-2-50D:(A;;GA;;;OW)(A;;GR;;;CG)", "user::rw-,group::r--,other::---"},
	{"section", Security{}, "D:(A;;GA;;;OW)(D;;GA;;;S-1-22-2-7)(A;;GR;;;WD)", "refused: where an entry that denies one group takes nothing from a member of another"},
	{"section", Security{Mode: 0o640, ACL: []ACE{
		{Who: Trustee{TrusteeUser, 1000}, Access: Read}, {Who: Trustee{TrusteeGroup, 20}, Access: Read | Write}, {Who: Trustee{TrusteeUser, 7}},
	}}, "", "user::rw-,user:7:---,user:1000:r--,group::r--,group:20:rw-,mask::rw-,other::---"},
	{"event", Security{Mode: 0o600, ACL: []ACE{{Who: Trustee{TrusteeUser, 1000}, Access: Wait | Modify}}}, "", "user::rw-,user:1000:rw-,group::---,mask::rw-,other::---"},
	{"event", Security{ACL: []ACE{{Who: Trustee{Kind: TrusteeOwner}, Access: GenericAll}, {Who: Trustee{TrusteeUser, 1000}, Mask: 0x100000}}}, "", "user::rw-,user:1000:r--,group::---,mask::r--,other::---"},
	{"timer", Security{Mode: 0o600, ACL: []ACE{{Who: Trustee{TrusteeUser, 1000}, Access: Wait}}}, "", "refused: access wait does not go without modify"},
	{"mutex", Security{Mode: 0o600, ACL: []ACE{{Who: Trustee{TrusteeUser, -1}, Access: Wait}}}, "", "refused: is no user or group"},
	{"mutex", Security{ACL: []ACE{{Access: Read}}}, "", "refused: rights that a mutex does not know"},
}

// P5: what is asked for is what getfacl shows.
func TestSecurityTable(t *testing.T) {
	testkit.NeedRoot(t)
	aclTools(t)
	for _, c := range securities {
		security := &c.security
		if c.sddl != "" {
			var err error
			security, err = ParseSDDL(c.sddl)
			must(t, err)
		}
		for typ, create := range secured(security) {
			if c.typ != "" && c.typ != typ {
				continue
			}
			o, err := create("table")
			if text, refused := strings.CutPrefix(c.want, "refused: "); refused {
				if err == nil || !strings.Contains(err.Error(), text) || !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
					t.Errorf("%s: %q %+v: %v, want %q", typ, c.sddl, c.security, err, text)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %q %+v: %v", typ, c.sddl, c.security, err)
				continue
			}
			if got := getfacl(t, localFile("table")); got != c.want {
				t.Errorf("%s: %q %+v:\n%s, want\n%s", typ, c.sddl, c.security, got, c.want)
			}
			must(t, o.Close())
		}
	}
}

// What setfacl has set is what we read.
func TestReadsWhatSetfaclSets(t *testing.T) {
	aclTools(t)
	newTestMutex(t, "acl", MutexOptions{})
	path := localFile("acl")
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	must(t, err)
	defer func() { _ = unix.Close(fd) }()
	if entries, err := lockfile.ACL(fd); entries != nil || err != nil {
		t.Errorf("%v, %v", entries, err)
	}
	for _, spec := range []string{"u:1000:rw,g:20:r", "u:0:r,g:0:-,o::r", "m::r", manyUsers(200)} {
		out, err := exec.Command("setfacl", "-nm", spec, path).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		entries, err := lockfile.ACL(fd)
		must(t, err)
		if got, want := strings.Join(access.ACLText(entries), ","), getfacl(t, path); got != want {
			t.Errorf("%s: read as\n%s, getfacl says\n%s", spec, got, want)
		}
		info, err := Stat("acl")
		must(t, err)
		if got := strings.Join(info.ACL, ","); got != getfacl(t, path) || info.GID != os.Getegid() {
			t.Errorf("Stat shows %s, group %d", got, info.GID)
		}
	}
}

func manyUsers(n int) string {
	var list []string
	for i := range n {
		list = append(list, "u:"+strings.Repeat("1", 1+i%5)+string(rune('0'+i%10))+":r")
	}
	return strings.Join(list, ",")
}

// An unnamed object has its ACL, too.
func TestSecurityOfTheUnnamedHasItsACL(t *testing.T) {
	s, err := CreateSection("", SectionOptions{Size: 1, Security: &Security{Mode: 0o600, ACL: []ACE{{Who: Trustee{TrusteeUser, 1000}, Access: Read}}}})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	f, err := s.File()
	must(t, err)
	defer func() { _ = f.Close() }()
	entries, err := lockfile.ACL(int(f.Fd()))
	must(t, err)
	if got := strings.Join(access.ACLText(entries), ","); got != "user::rw-,user:1000:r--,group::---,mask::r--,other::---" {
		t.Error(got)
	}
}

// A descriptor in text form is read, or refused with the number that Windows has.
func TestParseSDDL(t *testing.T) {
	s, err := ParseSDDL("O:S-1-22-1-7G:S-1-22-2-8D:(D;;GW;;;S-1-22-2-9)(A;;0x1F0003;;;WD)")
	must(t, err)
	want := []ACE{
		{Deny: true, Who: Trustee{TrusteeGroup, 9}, Mask: 0x40000000},
		{Who: Trustee{Kind: TrusteeEveryone}, Mask: 0x1F0003},
	}
	if *s.Owner != 7 || *s.Group != 8 || s.Mode != 0 || !slices.Equal(s.ACL, want) {
		t.Errorf("%+v", s)
	}
	if s, err := ParseSDDL("D:"); err != nil || s.ACL == nil || len(s.ACL) != 0 {
		t.Errorf("an empty list is %+v, %v", s, err)
	}
	if s, err := ParseSDDL("O:SY"); err != nil || s.ACL != nil || *s.Owner != 0 {
		t.Errorf("no list is %+v, %v", s, err)
	}
	t.Run("C401 an integrity label", func(t *testing.T) {
		_, err := ParseSDDL("S:(ML;;NW;;;LW)")
		failsWith(t, errors.ErrUnsupported, 50)(Result{}, err)
	})
	_, err = ParseSDDL("D:(A;;GA;;;Everyone)")
	failsWith(t, fs.ErrInvalid, 87)(Result{}, err)
	const text = `atoll: parse security descriptor "D:(A;;GA;;;Everyone)": (A;;GA;;;Everyone): "Everyone" is nobody; name a user as S-1-22-1-UID, a group as S-1-22-2-GID (id shows the numbers)`
	if err.Error() != text {
		t.Errorf("%v, want %s", err, text)
	}
}

// The two ways of saying one thing in the README.
func TestModeAndDescriptorSayTheSame(t *testing.T) {
	aclTools(t)
	s, err := ParseSDDL("D:(A;;GA;;;OW)(A;;GWGX;;;S-1-22-2-20)(A;;GX;;;WD)")
	must(t, err)
	var seen []string
	for _, s := range []*Security{s, {Mode: 0o644, ACL: []ACE{{Who: Trustee{TrusteeGroup, 20}, Access: Wait | Modify}}}} {
		e := newTestEvent(t, "same", EventOptions{ManualReset: true, Security: s})
		seen = append(seen, getfacl(t, localFile("same")))
		must(t, e.Close())
	}
	if seen[0] != seen[1] {
		t.Errorf("%q", seen)
	}
}
