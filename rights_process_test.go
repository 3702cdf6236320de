//go:build linux

package atoll

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

// The role of a user who creates, opens and tries. Handles have names of their own,
// so that one process can have several of an object.
//
//	create; HANDLE; TYPE; NAME; MODE    makes an object; MODE may be a descriptor
//	either; HANDLE; section; NAME; MODE makes or opens a section
//	open; HANDLE; TYPE; NAME; ACCESS    opens it
//	do; HANDLE; CALL                    one of its calls, which may not wait
//	go; HANDLE; CALL                    the same, but it may wait
//	close; HANDLE
//	stat; NAME                          what Stat says
//	sweep; NAME                         of all Global names
var _ = testkit.Role("rights", func(self *testkit.Self) {
	handles := make(map[string]*guest)
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		words := strings.Split(line, "; ")
		var err error
		switch words[0] {
		case "create", "either", "open":
			handles[words[1]], err = openRights(words)
		case "do":
			g := handles[words[1]]
			if g == nil {
				self.Say("%s: no such handle", line)
				continue
			}
			err = g.do(context.Background(), words[2])
		case "go":
			g := handles[words[1]]
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), testkit.Hang)
				defer cancel()
				self.Say("%s: %s", line, spell(g.do(ctx, words[2])))
			}()
			continue
		case "close":
			err = handles[words[1]].Close()
		case "sweep":
			_, err = Sweep(GlobalScope)
		case "stat":
			var info Info
			if info, err = Stat(words[1]); err == nil {
				self.Say("%s: done %v %d", line, info.Mode, info.UID)
				continue
			}
		}
		self.Say("%s: %s", line, spell(err))
	}
})

func openRights(words []string) (*guest, error) {
	if words[2] != "section" {
		return openGuest([]string{words[0], words[2], words[3], words[4]})
	}
	security, err := securityOf(words[4])
	if err != nil {
		return nil, err
	}
	var s *Section
	switch words[0] {
	case "create":
		s, err = CreateSection(words[3], SectionOptions{Size: 4096, Security: security})
	case "either":
		s, _, err = CreateOrOpenSection(words[3], SectionOptions{Size: 4096, Security: security})
	default:
		s, err = OpenSection(words[3], Access(security.Mode))
	}
	return guestSection(s), err
}

func guestSection(s *Section) *guest {
	mapAs := func(a Access) call {
		return func(context.Context) error {
			v, err := s.Map(a, 0, 0)
			if err != nil {
				return err
			}
			if a == Write {
				v.Bytes()[0]++
			}
			return v.Close()
		}
	}
	return &guest{Object: s, calls: map[string]call{
		"read": mapAs(Read), "write": mapAs(Write), "copy": mapAs(Copy),
		"sneak": func(context.Context) error { return sneak(s) },
	}}
}

// sneak tries every way around a read-only descriptor that a process has.
func sneak(s *Section) error {
	f, err := s.File()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	fd := int(f.Fd())
	if again, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDWR, 0); err == nil {
		_ = unix.Close(again)
		return fmt.Errorf("it was opened again for writing")
	}
	if _, err := unix.Pwrite(fd, []byte{1}, s.DataOffset()); err == nil {
		return fmt.Errorf("it was written")
	}
	if b, err := unix.Mmap(fd, s.DataOffset(), 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
		_ = unix.Munmap(b)
		return fmt.Errorf("it was mapped for writing")
	}
	b, err := unix.Mmap(fd, s.DataOffset(), 4096, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Munmap(b) }()
	if unix.Mprotect(b, unix.PROT_READ|unix.PROT_WRITE) == nil {
		return fmt.Errorf("its pages were made writable")
	}
	for what, err := range map[string]error{
		"truncated": unix.Ftruncate(fd, 1), "given another mode": unix.Fchmod(fd, 0o666), "given away": unix.Fchown(fd, ben, -1),
	} {
		if err == nil {
			return fmt.Errorf("it was %s", what)
		}
	}
	return nil
}

// What rights a file has counts when a handle is made: a process that has the
// object gets no more, and no less, than by a first open. Handles that exist go on.
func TestRightsChange(t *testing.T) {
	base := company(t)
	a, b := asUser(t, ann, base, "rights"), asUser(t, ben, base, "rights")
	path := base + "/atoll/it"
	read, write := strconv.Itoa(int(Read)), strconv.Itoa(int(Write))
	tells(t, a, `create; a; section; Global\it; 0644`, "done")
	tells(t, b, `open; r; section; Global\it; `+read, "done")
	tells(t, b, "do; r; read", "done")
	tells(t, b, "do; r; sneak", "done")
	tells(t, b, `open; w; section; Global\it; `+write, "5,", "open it with the access Read")

	must(t, os.Chmod(path, 0o666))
	tells(t, b, `open; w; section; Global\it; `+write, "done")
	tells(t, b, "do; w; write", "done")
	tells(t, b, "do; r; write", "5,")
	tells(t, b, `open; w2; section; Global\it; 0`, "done")
	if n := descriptorsOf(t, b, path); n != 2 {
		t.Errorf("%d descriptors of the object, want one for reading and one for writing", n)
	}

	must(t, os.Chmod(path, 0o600)) // C400
	tells(t, b, `open; w3; section; Global\it; 0`, "5,", "belongs to uid 61001 with mode 0600", "free the name, with: atoll sweep --global")
	tells(t, b, `open; r2; section; Global\it; `+read, "5,")
	tells(t, b, "do; w; write", "done")
	tells(t, b, "do; r; read", "done")
	must(t, os.Chmod(path, 0o644))
	tells(t, b, `open; r2; section; Global\it; `+read, "done")
	tells(t, b, `open; w3; section; Global\it; 0`, "5,", "open it with the access Read")
	for _, h := range []string{"w", "w2", "r2"} {
		tells(t, b, "close; "+h, "done")
	}
	if n := descriptorsOf(t, b, path); n != 2 {
		t.Errorf("%d descriptors of the object, want both as long as it is read", n)
	}
	tells(t, a, "close; a", "done")
	tells(t, b, "do; r; read", "done")
	tells(t, b, "close; r", "done")
	if n := descriptorsOf(t, b, path); n != 0 {
		t.Errorf("%d descriptors are left", n)
	}
	// The file is another user's, so in a sticky directory only that user and root
	// can remove it; its memory is given back.
	st, err := os.Stat(path)
	must(t, err)
	if st.Size() >= 4096 {
		t.Errorf("%d bytes are left", st.Size())
	}
	for _, p := range []*testkit.Child{a, b} { // who looks sees that nobody has it, and nothing wrong
		tells(t, p, `stat; Global\it`, "2,")
	}
	tells(t, b, `create; b; section; Global\it; 0644`, "5,", "belongs to uid 61001, and nobody has it any more", "atoll sweep --global")
	tells(t, a, `create; a; section; Global\it; 0644`, "done")
	tells(t, a, "close; a", "done")
}

// A process that got the right to write after it had opened an event for reading has
// both descriptions, and two queues. What it sets through the one releases who waits
// through the other, and so does what others set.
func TestReaderWhoMayWriteLater(t *testing.T) {
	base := company(t)
	a, b := asUser(t, ann, base, "company"), asUser(t, ben, base, "rights")
	for _, kind := range []string{"manual", "manual-timer"} {
		name := `Global\` + kind
		tells(t, a, "create; "+kind+"; "+name+"; 0644", "done")
		tells(t, b, fmt.Sprintf("open; r; %s; %s; %d", kind, name, Wait), "done")
		must(t, os.Chmod(base+"/atoll/"+kind, 0o666))
		tells(t, b, "open; w; "+kind+"; "+name+"; 0", "done")
		b.Tell("go; r; wait")
		b.Silent()
		tells2(t, b, "do; w; free", "go; r; wait")
		tells(t, b, "do; r; free", "5,")

		// Whoever writes takes away the signal again, which the reader sees.
		again := map[string]string{"manual": "reset", "manual-timer": "later"}[kind]
		tells(t, b, "do; w; "+again, "done")
		tells(t, b, "do; r; try", "not now")
		b.Tell("go; r; wait")
		b.Silent()
		tells(t, a, name+"; free", "done")
		says(t, b, "go; r; wait", "done")
		for _, h := range []string{"w", "r"} {
			tells(t, b, "close; "+h, "done")
		}
		tells(t, a, name+"; close", "done")
	}
	// Made for writers alone, nobody wakes a reader: so none is let in.
	tells(t, a, `create; manual; Global\late; 0666`, "done")
	must(t, os.Chmod(base+"/atoll/late", 0o644))
	tells(t, b, fmt.Sprintf(`open; r; manual; Global\late; %d`, Wait), "5,", "created for nobody who may only read it")
	tells(t, a, `Global\late; close`, "done")
}

func descriptorsOf(t *testing.T, c *testkit.Child, path string) (n int) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", c.PID())
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		if target, err := os.Readlink(dir + "/" + e.Name()); err == nil && target == path {
			n++
		}
	}
	return n
}

// The group that a user of the tables below is in beside its own.
const clubGroup = 61100

// asMember is asUser for one who is in the group.
func asMember(t *testing.T, uid uint32, base, role string) *testkit.Child {
	t.Helper()
	testkit.NeedRoot(t)
	cmd := testkit.Command(role)
	cmd.Env = append(cmd.Env, "ATOLL_ROOT="+base)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid, Groups: []uint32{clubGroup}}}
	return testkit.StartCommand(t, cmd)
}

// rightsStep is a call, and what comes of it.
type rightsStep struct{ line, want string }

// rightsTable has, for each type of object and each level of rights, what somebody
// with them can do. %s is the object's name; accesses are numbers of Access.
var rightsTable = map[string]map[string][]rightsStep{
	"section": {
		"read": {
			{fmt.Sprintf("open; h; section; %%s; %d", Read), "done"},
			{"do; h; read", "done"},
			{"do; h; copy", "done"},
			{"do; h; write", "5,"},
			{"do; h; sneak", "done"},
			{fmt.Sprintf("open; x; section; %%s; %d", Write), "5,"},
			{fmt.Sprintf("open; x; section; %%s; %d", Read|Write), "5,"},
			{"open; x; section; %s; 0", "5,"},
			{"either; x; section; %s; 0600", "5,"},
			{"create; x; section; %s; 0600", "183,"},
		},
		"write": {
			{"open; h; section; %s; 0", "done"},
			{"do; h; read", "done"},
			{"do; h; write", "done"},
			{"create; x; section; %s; 0600", "183,"},
		},
	},
	"mutex": {
		"read":  queriesOnly("mutex"),
		"write": {{"open; h; mutex; %s; 0", "done"}, {"do; h; try", "done"}, {"do; h; free", "done"}},
	},
	"auto": {
		"read":  queriesOnly("auto"),
		"write": {{"open; h; auto; %s; 0", "done"}, {"do; h; free", "done"}, {"do; h; try", "done"}, {"do; h; reset", "done"}},
	},
	"semaphore": {
		"read":  queriesOnly("semaphore"),
		"write": {{"open; h; semaphore; %s; 0", "done"}, {"do; h; free", "done"}, {"do; h; try", "done"}, {"do; h; try", "not now"}},
	},
	"timer": {
		"read":  queriesOnly("timer"),
		"write": {{"open; h; timer; %s; 0", "done"}, {"do; h; free", "done"}, {"do; h; try", "done"}, {"do; h; cancel", "done"}},
	},
	"manual": {
		"read":  waitsOnly("manual"),
		"write": {{"open; h; manual; %s; 0", "done"}, {"do; h; free", "done"}, {"do; h; try", "done"}, {"do; h; reset", "done"}, {"do; h; pulse", "done"}},
	},
	"manual-timer": {
		"read":  waitsOnly("manual-timer"),
		"write": {{"open; h; manual-timer; %s; 0", "done"}, {"do; h; free", "done"}, {"do; h; try", "done"}, {"do; h; later", "done"}},
	},
}

// queriesOnly is what a reader can do with what a wait changes.
func queriesOnly(kind string) []rightsStep {
	free := "5,"
	if kind == "mutex" {
		free = "288," // giving it up needs no right, but to own it
	}
	return []rightsStep{
		{fmt.Sprintf("open; h; %s; %%s; %d", kind, Query), "done"},
		{"do; h; try", "5,"},
		{"do; h; wait", "5,"},
		{"do; h; free", free},
		{fmt.Sprintf("open; x; %s; %%s; %d", kind, Wait), "5,"},
		{fmt.Sprintf("open; x; %s; %%s; %d", kind, Wait|Modify), "5,"},
		{"open; x; " + kind + "; %s; 0", "5,"},
		{"create; x; " + kind + "; %s; 0600", "183,"},
	}
}

// waitsOnly is what a reader can do with what a wait leaves as it is.
func waitsOnly(kind string) []rightsStep {
	return []rightsStep{
		{fmt.Sprintf("open; h; %s; %%s; %d", kind, Wait), "done"},
		{"do; h; try", "not now"},
		{"do; h; free", "5,"},
		{fmt.Sprintf("open; x; %s; %%s; %d", kind, Modify), "5,"},
		{fmt.Sprintf("open; x; %s; %%s; %d", kind, Wait|Modify), "5,"},
		{"open; x; " + kind + "; %s; 0", "5,"},
		{"create; x; " + kind + "; %s; 0600", "183,"},
	}
}

// deniedAll is P1: what somebody without rights tries.
func deniedAll(kind string) (steps []rightsStep) {
	for _, a := range []Access{0, Read, Write, Copy, Execute, Wait, Modify, Query, Wait | Modify, GenericRead, GenericAll, 1 << 27} {
		steps = append(steps, rightsStep{fmt.Sprintf("open; x; %s; %%s; %d", kind, uint32(a)), "5,"})
	}
	for _, other := range []string{"section", "mutex", "manual"} {
		steps = append(steps, rightsStep{"open; x; " + other + "; %s; 0", "5,"}, rightsStep{"create; x; " + other + "; %s; 0666", "5,"})
	}
	return append(steps, rightsStep{"either; x; section; %s; 0", "5,"}, rightsStep{"stat; %s", "5,"}, rightsStep{"sweep; %s", "done"})
}

// grants are the rights of each level for each type, as a descriptor has them.
var grants = map[string]map[string]string{
	"section": {"read": "GR", "write": "GRGW"}, "mutex": {"read": "GR", "write": "GX"}, "auto": {"read": "GR", "write": "GWGX"},
	"semaphore": {"read": "GR", "write": "GWGX"}, "timer": {"read": "GR", "write": "GWGX"}, "manual": {"read": "GX", "write": "GWGX"},
	"manual-timer": {"read": "GX", "write": "GWGX"},
}

// Who may what: somebody who has rights as anybody, as a member of the object's
// group or of another that is named, as a named user, or as the owner, can do with
// each type what the table says, and those beside who have none, nothing. What is
// denied changes no bit of the object (P1, P2).
func TestRightsTable(t *testing.T) {
	base := company(t)
	a, b, member, c := asMember(t, ann, base, "rights"), asUser(t, ben, base, "rights"), asMember(t, 61004, base, "rights"), asUser(t, cal, base, "rights")
	for kind, levels := range rightsTable {
		for _, level := range []string{"none", "read", "write"} {
			for who, x := range map[string]struct {
				security string
				one      *testkit.Child
				denied   []*testkit.Child
			}{
				"other":        {"D:(A;;GA;;;OW)(A;;%s;;;WD)", c, nil},
				"group":        {fmt.Sprintf("G:S-1-22-2-%dD:(A;;GA;;;OW)(A;;%%s;;;CG)", clubGroup), member, []*testkit.Child{b, c}},
				"named group":  {fmt.Sprintf("D:(A;;GA;;;OW)(A;;%%s;;;S-1-22-2-%d)", clubGroup), member, []*testkit.Child{b, c}},
				"named user":   {fmt.Sprintf("D:(A;;GA;;;OW)(A;;%%s;;;S-1-22-1-%d)", ben), b, []*testkit.Child{c, member}},
				"all but this": {fmt.Sprintf("D:(A;;GA;;;OW)(D;;GA;;;S-1-22-1-%d)(A;;%%s;;;WD)", cal), member, []*testkit.Child{c}},
			} {
				t.Run(kind+" "+level+" "+who, func(t *testing.T) {
					name := `Global\` + strings.ReplaceAll(kind+" "+level+" "+who, " ", "-")
					rights, steps := grants[kind][level], levels[level]
					if level == "none" {
						rights, steps = "", deniedAll(kind)
					}
					tells(t, a, "create; a; "+kind+"; "+name+"; "+fmt.Sprintf(x.security, rights), "done")
					path := base + "/atoll/" + name[len(`Global\`):]
					before := contentOf(t, path)
					for _, d := range x.denied {
						tryAll(t, d, name, deniedAll(kind))
					}
					if level != "write" {
						tryAll(t, x.one, name, steps)
						if contentOf(t, path) != before {
							t.Error("what was denied has changed the object")
						}
					} else {
						tryAll(t, x.one, name, steps)
						tells(t, a, "open; o; "+kind+"; "+name+"; 0", "done")
						tells(t, a, "close; o", "done")
					}
					if level != "none" {
						tells(t, x.one, "close; h", "done")
					}
					tells(t, a, "close; a", "done")
					if _, err := os.Stat(path); err == nil {
						t.Error("the object is left")
					}
				})
			}
		}
	}
}

func tryAll(t *testing.T, c *testkit.Child, name string, steps []rightsStep) {
	t.Helper()
	for _, s := range steps {
		line := strings.ReplaceAll(s.line, "%s", name)
		tells(t, c, line, s.want)
	}
}

// contentOf are all bytes of an object's file but those that say, for people, who
// waits.
func contentOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b)
}

// Windows' lines about security that need several users.
func TestSecurityLines(t *testing.T) {
	base := company(t)
	a, b := asUser(t, ann, base, "rights"), asUser(t, ben, base, "rights")
	all := strconv.Itoa(int(Read | Write))
	t.Run("C392", func(t *testing.T) {
		for kind := range rightsTable {
			tells(t, a, "create; a; "+kind+`; Global\C392; D:`, "done")
			tells(t, a, "open; x; "+kind+`; Global\C392; 0`, "5,", "belongs to uid 61001 with mode 0")
			tells(t, b, "open; x; "+kind+`; Global\C392; 0`, "5,", "belongs to uid 61001 with mode 0")
			if kind == "section" {
				tells(t, a, "do; a; write", "done") // the creator's handle may all the same
			} else {
				tells(t, a, "do; a; free", map[bool]string{true: "288,", false: "done"}[kind == "mutex"])
			}
			tells(t, a, "close; a", "done")
		}
	})
	t.Run("C393", func(t *testing.T) {
		tells(t, a, `create; a; section; Global\C393; D:(A;;0x4;;;WD)(A;;GA;;;CO)`, "done")
		tells(t, b, `open; x; section; Global\C393; `+strconv.Itoa(int(Write)), "5,")
		tells(t, b, `open; x; section; Global\C393; `+all, "5,")
		tells(t, b, `open; r; section; Global\C393; `+strconv.Itoa(int(Read)), "done")
		tells(t, b, "do; r; read", "done")
	})
	t.Run("C394", func(t *testing.T) {
		tells(t, b, `either; x; section; Global\C393; 0`, "5,", "open it with the access Read")
		tells(t, b, "close; r", "done")
		tells(t, a, "close; a", "done")
	})
	t.Run("C400", func(t *testing.T) {
		tells(t, a, `create; a; section; Global\C400; 0666`, "done")
		tells(t, b, `open; w; section; Global\C400; 0`, "done")
		must(t, os.Chmod(base+"/atoll/C400", 0o600))
		tells(t, b, "do; w; write", "done")
		tells(t, b, `open; x; section; Global\C400; 0`, "5,")
		tells(t, b, "close; w", "done")
		tells(t, a, "close; a", "done")
	})
}

// F9: a name that another user took is refused with whose it is, or is that user's
// object, which Stat says.
func TestTakenNames(t *testing.T) {
	base := company(t)
	a, b := asUser(t, ann, base, "rights"), asUser(t, ben, base, "rights")
	tells(t, a, `create; a; mutex; Global\taken; 0600`, "done")
	for _, line := range []string{`create; x; mutex; Global\taken; 0600`, `open; x; mutex; Global\taken; 0`, `either; x; section; Global\taken; 0`} {
		tells(t, b, line, "5,", "belongs to uid 61001 with mode 0600", "free the name, with: atoll sweep --global")
	}
	tells(t, a, "close; a", "done")
	tells(t, a, `create; a; mutex; Global\taken; 0666`, "done")
	tells(t, b, `open; b; mutex; Global\taken; 0`, "done")
	tells(t, b, `stat; Global\taken`, "done -rw-rw-rw- 61001")
	tells(t, b, "close; b", "done")
	tells(t, a, "close; a", "done")
}

// F12 with several users: modes are as asked for under a umask that forbids all, and
// only root gives an object away.
func TestRightsUnderUmask(t *testing.T) {
	base := company(t)
	before := syscall.Umask(0o777)
	a := asUser(t, ann, base, "rights")
	syscall.Umask(before)
	tells(t, a, `create; a; mutex; Global\umask; 0664`, "done")
	st, err := os.Stat(base + "/atoll/umask")
	must(t, err)
	if st.Mode().Perm() != 0o664 {
		t.Errorf("mode %v", st.Mode())
	}
	tells(t, a, "close; a", "done")
	tells(t, a, `create; a; mutex; Global\given; O:S-1-22-1-61002`, "5,", "owner 61002")
	tells(t, a, `create; a; mutex; Global\given; G:S-1-22-2-61100`, "5,", "group 61100")
	tells(t, a, `create; a; mutex; Local\given; O:S-1-22-1-61002`, "5,", "belongs to its creator, uid 61001")
	if left := testkit.Objects(base); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// In a user namespace that does not have them, users and groups are refused by name.
func TestRightsInUserNamespace(t *testing.T) {
	testkit.NeedRoot(t)
	base := company(t)
	cmd := testkit.Command("rights")
	cmd.Env = append(cmd.Env, "ATOLL_ROOT="+base)
	one := []syscall.SysProcIDMap{{Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: one, GidMappings: one}
	c := testkit.StartCommand(t, cmd)
	tells(t, c, `create; x; mutex; inner; D:(A;;GA;;;OW)(A;;GA;;;S-1-22-1-1000)`, "87,", "user namespace")
	tells(t, c, `create; x; mutex; Global\inner; O:S-1-22-1-1000`, "87,", "owner 1000", "user namespace")
	tells(t, c, `create; x; mutex; inner; D:(A;;GA;;;OW)(A;;GA;;;S-1-22-2-0)`, "done")
	tells(t, c, "close; x", "done")
	if left := testkit.Objects(base); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}
