//go:build linux

package atoll

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

// secured makes an object of each type with a Security.
func secured(s *Security) map[string]func(name string) (Object, error) {
	return map[string]func(name string) (Object, error){
		"section": func(name string) (Object, error) {
			return object(CreateSection(name, SectionOptions{Size: 1, Security: s}))
		},
		"mutex": func(name string) (Object, error) { return object(CreateMutex(name, MutexOptions{Security: s})) },
		"semaphore": func(name string) (Object, error) {
			return object(CreateSemaphore(name, SemaphoreOptions{Max: 1, Security: s}))
		},
		"event": func(name string) (Object, error) {
			return object(CreateEvent(name, EventOptions{ManualReset: true, Security: s}))
		},
		"timer": func(name string) (Object, error) { return object(CreateTimer(name, TimerOptions{Security: s})) },
	}
}

// F12: the mode is what was asked for, whatever the umask; so are owner and group.
func TestSecurityMode(t *testing.T) {
	group := os.Getegid()
	for _, umask := range []int{0, 0o077, 0o777} {
		before := unix.Umask(umask)
		t.Cleanup(func() { unix.Umask(before) })
		for want, s := range map[uint32]*Security{
			0o600: nil, 0o644: {Mode: 0o644}, 0o666: {Mode: 0o666}, 0o660: {Mode: 0o660, Group: &group}, 0o404: {Mode: 0o404},
		} {
			for typ, create := range secured(s) {
				o, err := create("by mode " + typ)
				must(t, err)
				var st unix.Stat_t
				must(t, unix.Stat(localFile("by%20mode%20"+typ), &st))
				if st.Mode&0o7777 != want || st.Uid != uint32(os.Geteuid()) || st.Gid != uint32(group) {
					t.Errorf("umask %#o: %s has mode %#o, owner %d, group %d, want %#o", umask, typ, st.Mode&0o7777, st.Uid, st.Gid, want)
				}
				must(t, o.Close())
			}
		}
		unix.Umask(before)
	}
}

// An unnamed object has its rights, too: its descriptor may reach another user.
func TestSecurityOfTheUnnamed(t *testing.T) {
	for want, s := range map[uint32]*Security{0o600: nil, 0o644: {Mode: 0o644}} {
		section, err := CreateSection("", SectionOptions{Size: 1, Security: s})
		must(t, err)
		f, err := section.File()
		must(t, err)
		var st unix.Stat_t
		must(t, unix.Fstat(int(f.Fd()), &st))
		if st.Mode&0o7777 != want {
			t.Errorf("an unnamed section has mode %#o, want %#o", st.Mode&0o7777, want)
		}
		must(t, errors.Join(f.Close(), section.Close()))
	}
}

// A default ACL of the directory gives nobody rights that were not asked for.
func TestSecurityInheritsNothing(t *testing.T) {
	newTestMutex(t, "makes the directory", MutexOptions{})
	dir := filepath.Dir(localFile("x"))
	// user::rwx user:12345:rw- group::rwx mask::rwx other::rwx
	acl := []byte{
		2, 0, 0, 0,
		1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 6, 0, 57, 48, 0, 0, 4, 0, 7, 0, 255, 255, 255, 255,
		16, 0, 7, 0, 255, 255, 255, 255, 32, 0, 7, 0, 255, 255, 255, 255,
	}
	must(t, unix.Setxattr(dir, "system.posix_acl_default", acl, 0))
	t.Cleanup(func() { must(t, unix.Removexattr(dir, "system.posix_acl_default")) })
	for want, s := range map[uint32]*Security{0o600: nil, 0o660: {Mode: 0o660}} {
		m, err := CreateMutex("heir", MutexOptions{Security: s})
		must(t, err)
		var st unix.Stat_t
		must(t, unix.Stat(localFile("heir"), &st))
		n, err := unix.Getxattr(localFile("heir"), "system.posix_acl_access", nil)
		if st.Mode&0o7777 != want || s != nil && !errors.Is(err, unix.ENODATA) {
			t.Errorf("mode %#o and an ACL of %d bytes (%v), want %#o and none", st.Mode&0o7777, n, err, want)
		}
		must(t, m.Close())
	}
}

// What the kernel cannot do, or refuses, leaves nothing.
func TestSecurityThatIsRefused(t *testing.T) {
	id := func(n int) *int { return &n }
	for name, c := range map[string]struct {
		security Security
		want     error
		root     bool // root may
	}{
		"execute bits":          {Security{Mode: 0o700}, fs.ErrInvalid, false},
		"more than permissions": {Security{Mode: fs.ModeSticky | 0o600}, fs.ErrInvalid, false},
		"write without read":    {Security{Mode: 0o602}, fs.ErrInvalid, false},
		"owner below zero":      {Security{Owner: id(-1)}, fs.ErrInvalid, false},
		"no possible group":     {Security{Group: id(-2)}, fs.ErrInvalid, false},
		"a Local one of others": {Security{Owner: id(12345)}, fs.ErrPermission, false},
		"a group not ours":      {Security{Group: id(12345)}, fs.ErrPermission, true},
	} {
		for typ, create := range secured(&c.security) {
			for _, called := range []string{"refused", ""} {
				if c.root && os.Geteuid() == 0 || called == "" && errors.Is(c.want, fs.ErrPermission) && os.Geteuid() == 0 {
					continue
				}
				o, err := create(called)
				var e *Error
				if !errors.Is(err, c.want) || !errors.As(err, &e) {
					t.Errorf("%s: %s: %v, want %v", name, typ, err, c.want)
				}
				if err == nil {
					must(t, o.Close())
				}
			}
		}
	}
	for _, path := range testkit.Objects(testkit.Base()) {
		if filepath.Base(path) == "refused" {
			t.Errorf("%s was left", path)
		}
	}
}
