//go:build linux

package atoll

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/check"
	"atoll/internal/futex"
	"atoll/internal/layout"
	"atoll/internal/testkit"
	"atoll/internal/wait"
)

// memberFD is the descriptor of this process's member file in Global.
func memberFD() int {
	for fd, target := range testkit.Descriptors() {
		if strings.Contains(target, "/atoll/members/") {
			return fd
		}
	}
	return -1
}

// The role of a user who owns a mutex and lies about its own death: its bell rings,
// and is silent again, its member file is cut off and comes back.
var _ = testkit.Role("company.liar", func(self *testkit.Self) {
	wait.SetTick(10 * time.Millisecond)
	m, err := OpenMutex(self.Args[0], 0)
	self.Must(err)
	_, err = m.Lock(context.Background())
	self.Must(err)
	self.Say("locked")
	fd := memberFD()
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		switch line {
		case "ring", "silence":
			bell := futex.Waiters | uint32(unix.Gettid())
			if line == "ring" {
				bell |= futex.OwnerDied
			}
			_, err = unix.Pwrite(fd, binary.LittleEndian.AppendUint32(nil, bell), layout.MemberBell)
			self.Must(err)
		case "cut off":
			self.Must(unix.Ftruncate(fd, 0))
		case "come back":
			self.Must(unix.Ftruncate(fd, layout.MemberSize))
		case "unlock":
			self.Must(m.Unlock())
		}
		self.Say("%s", line)
	}
})

// Who says of itself that it is dead, and is not, loses nothing: those who wait for
// its mutex go on waiting, and get it when it is unlocked.
func TestLiarsLoseNothing(t *testing.T) {
	base := company(t)
	a, b := asUser(t, ann, base, "company"), asUser(t, ben, base, "company")
	lies := []string{"ring", "silence"}
	if !check.Race { // see company_truncate_test.go
		lies = append(lies, "cut off", "come back")
	}
	tells(t, b, "create; auto; own; 0600", "done")
	for _, line := range []string{`Global\m; wait`, `any; own,Global\m`, `all; Global\m`} {
		for _, first := range []bool{false, true} {
			for _, lie := range lies {
				tells(t, a, `create; mutex; Global\m; 0666`, "done")
				tells(t, b, `open; mutex; Global\m; 0`, "done")
				c := asUser(t, cal, base, "company.liar", `Global\m`)
				c.Expect("locked")
				tell := func(line string) { c.Tell("%s", line); c.Expect(line) }
				if first {
					tell(lie)
				}
				b.Tell("%s", line)
				b.Silent()
				if !first {
					tell(lie)
				}
				b.Silent()
				tells(t, a, `Global\m; try`, "not now")
				if lie == "cut off" {
					b.Silent()
				}
				tell("unlock")
				says(t, b, line, map[bool]string{true: "1", false: "done"}[strings.HasPrefix(line, "any")])
				tells(t, a, `Global\m; try`, "not now")
				c.Kill()
				tells(t, b, `Global\m; free`, "done")
				tells(t, b, `Global\m; close`, "done")
				tells(t, a, `Global\m; close`, "done")
			}
		}
	}
	a.End()
	b.End()
}

// plantMembers puts into the folder of members what an enemy can think of, and
// returns its numbers by what they are.
func plantMembers(t *testing.T, members string, uid int) map[string]uint32 {
	t.Helper()
	numbers := make(map[string]uint32)
	next := uint32(0x1000)
	sound := layout.EncodeMember(layout.MemberInfo{PID: 1, Command: "init\x1b[2J"})
	plant := func(what string, f func(path string) error) {
		next++
		copy(sound[layout.MemberNumber:], layout.EncodeMemberNumber(next))
		path := filepath.Join(members, fmt.Sprintf("%08x", next))
		must(t, f(path))
		must(t, os.Lchown(path, uid, uid))
		numbers[what] = next
	}
	plant("pipe", func(path string) error { return unix.Mkfifo(path, 0o666) })
	plant("link", func(path string) error { return os.Symlink("/etc/passwd", path) })
	plant("loop", func(path string) error { return os.Symlink(path, path) })
	plant("folder", func(path string) error { return os.Mkdir(path, 0o777) })
	plant("empty", func(path string) error { return os.WriteFile(path, nil, 0o644) })
	plant("unreadable", func(path string) error { return os.WriteFile(path, sound, 0o200) })
	plant("huge", func(path string) error {
		if err := os.WriteFile(path, sound, 0o644); err != nil {
			return err
		}
		return os.Truncate(path, 1<<62)
	})
	plant("short", func(path string) error { return os.WriteFile(path, sound[:70], 0o644) })
	plant("unlocked", func(path string) error { return os.WriteFile(path, sound, 0o644) })
	plant("locked", func(path string) error {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return err
		}
		closeLater(t, f)
		if _, err := f.Write(sound); err != nil {
			return err
		}
		return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	})
	for i := range 3000 {
		plant("one of many "+strconv.Itoa(i), func(path string) error { return os.WriteFile(path, sound, 0o644) })
	}
	return numbers
}

// Whatever is planted among the members: users who share objects go on, those who
// are killed are found dead, and those who are stopped are not.
func TestPlantedMembers(t *testing.T) {
	base := company(t)
	numbers := plantMembers(t, filepath.Join(base, "atoll", "members"), cal)
	a, b := asUser(t, ann, base, "company"), asUser(t, ben, base, "company")
	tells(t, a, `create; mutex; Global\m; 0666`, "done")
	tells(t, b, `open; mutex; Global\m; 0`, "done")
	tells(t, a, `Global\m; wait`, "done")
	b.Tell("%s", `Global\m; wait`)
	a.Signal(syscall.SIGSTOP)
	b.Silent()
	a.Signal(syscall.SIGKILL)
	says(t, b, `Global\m; wait`, "done")
	tells(t, b, `Global\m; free`, "done")
	for _, who := range []uint32{ben, ann} { // also one who has something to sweep
		u := asUser(t, who, base, "company")
		tells(t, u, "sweep", "0, done")
		u.End()
	}
	// cal may write this one mutex, and says that it belongs to what was planted.
	f, err := os.OpenFile(filepath.Join(base, "atoll", "m"), os.O_RDWR, 0)
	must(t, err)
	closeLater(t, f)
	for what, number := range numbers {
		if strings.HasPrefix(what, "one of many") {
			continue
		}
		for _, state := range []layout.State{layout.MakeState(number, 0), layout.MakeState(0, number), layout.MakeState(number, number)} {
			_, err := f.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(state)), layout.StateOffset)
			must(t, err)
			b.Tell("%s", `Global\m; briefly`)
			line := b.Line()
			// Who is dead is taken over from. Nobody else is, and nobody waits for ever.
			dead := what == "unlocked" || what == "huge" || what == "short" || what == "empty"
			switch number := strings.Fields(line)[2]; {
			case dead && number == "done":
				tells(t, b, `Global\m; free`, "done")
			case dead, number != "258," && number != "170,":
				t.Errorf("%s (%#x): %s", what, uint64(state), line)
			}
			if strings.ContainsRune(line, '\x1b') {
				t.Errorf("it writes to the terminal: %q", line)
			}
		}
	}
	_, err = f.WriteAt(make([]byte, 8), layout.StateOffset)
	must(t, err)
	tells(t, b, `Global\m; close`, "done")
	b.End()
	root := asUser(t, 0, base, "company")
	tells(t, root, "sweep", "1, done")
	root.End()
}

// A member's file is removed by root, or by systemd, and somebody else makes one
// with its number, which nobody holds. Who may not write an object cannot so take it
// from its owner.
func TestStolenNumber(t *testing.T) {
	base := company(t)
	members := filepath.Join(base, "atoll", "members")
	a := asUser(t, ann, base, "company")
	tells(t, a, `create; mutex; Global\m; 0600`, "done")
	tells(t, a, `Global\m; wait`, "done")
	entries, err := os.ReadDir(members)
	must(t, err)
	if len(entries) != 1 {
		t.Fatalf("there are %d members", len(entries))
	}
	path := filepath.Join(members, entries[0].Name())
	must(t, os.Remove(path))
	var number uint32
	_, err = fmt.Sscanf(entries[0].Name(), "%x", &number)
	must(t, err)
	file := layout.EncodeMember(layout.MemberInfo{PID: 1})
	copy(file[layout.MemberNumber:], layout.EncodeMemberNumber(number))
	must(t, os.WriteFile(path, file, 0o644))
	must(t, os.Chown(path, cal, cal))
	other := asUser(t, ann, base, "company")
	tells(t, other, `open; mutex; Global\m; 0`, "done")
	tells(t, other, `Global\m; try`, "not now")
	tells(t, other, `Global\m; wait`, "170", entries[0].Name())
	other.Tell("%s", `all; Global\m`)
	says(t, other, `all; Global\m`, "170")
	tells(t, a, `Global\m; free`, "done")
	tells(t, other, `Global\m; wait`, "done")
	tells(t, other, `Global\m; free`, "done")
	for _, u := range []*testkit.Child{a, other} {
		tells(t, u, `Global\m; close`, "done")
		u.End()
	}
}

// A living member whose file was removed publishes it again when it sleeps, and is
// found by other users.
func TestReappearsToOthers(t *testing.T) {
	base := company(t)
	members := filepath.Join(base, "atoll", "members")
	a := asUser(t, ann, base, "company")
	tells(t, a, `create; mutex; Global\m; 0666`, "done")
	tells(t, a, `create; auto; Global\e; 0600`, "done")
	tells(t, a, `Global\m; wait`, "done")
	entries, err := os.ReadDir(members)
	must(t, err)
	path := filepath.Join(members, entries[0].Name())
	must(t, os.Remove(path))
	a.Tell("%s", `Global\e; wait`)
	a.Silent()
	for range 1000 {
		if _, err = os.Stat(path); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	must(t, err)
	b := asUser(t, ben, base, "company")
	tells(t, b, `open; mutex; Global\m; 0`, "done")
	b.Tell("%s", `Global\m; wait`)
	b.Silent()
	a.Kill()
	says(t, b, `Global\m; wait`, "done")
	tells(t, b, `Global\m; free`, "done")
	tells(t, b, `Global\m; close`, "done")
	b.End()
	must(t, os.Remove(filepath.Join(base, "atoll", "e")))
}

// In a user namespace whose root is ann: the host's directories, whose owner it does
// not know, are refused with a text that says why. One of ann's own works; what its
// root makes there is not root's outside.
func TestUserNamespace(t *testing.T) {
	base := company(t)
	own := filepath.Join(base, "ann")
	must(t, os.Mkdir(own, 0o700))
	must(t, os.Chown(own, ann, ann))
	inside := func(base string, mapped bool) *testkit.Child {
		cmd := testkit.Command("company")
		cmd.Env = append(cmd.Env, "ATOLL_ROOT="+base)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
		if mapped {
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: ann, Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: ann, Size: 1}}
			cmd.SysProcAttr.Credential = &syscall.Credential{NoSetGroups: true}
		}
		return testkit.StartCommand(t, cmd)
	}
	for _, mapped := range []bool{false, true} {
		u := inside(base, mapped)
		for _, name := range []string{`Global\m`, "m"} {
			tells(t, u, "create; mutex; "+name+"; 0666", "5", "not mapped into this user namespace", "65534")
		}
		u.End()
	}
	a, u := asUser(t, ann, own, "company"), inside(own, true)
	tells(t, u, `create; mutex; Global\m; 0600`, "done") // as root, it makes the directory
	tells(t, a, `open; mutex; Global\m; 0`, "5", "belongs to uid 61001, it must belong to uid 0")
	tells(t, u, `Global\m; close`, "done")
	u.End()
	a.End()
}
