package namespace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/lockfile"
)

// DefaultBase is where the directories of names lie, if ATOLL_ROOT does not say
// otherwise.
const DefaultBase = "/dev/shm"

// RootVariable moves the base, for tests and for containers with a tiny
// /dev/shm. It must name a directory on tmpfs.
const RootVariable = "ATOLL_ROOT"

// Dir is one directory of names. It was verified when it was opened, and
// everything is done relative to its descriptor.
type Dir struct {
	Scope   Scope
	Path    string // for people
	fd      int
	members int // descriptor of the folder of members
	id      lockfile.Identity

	mu      sync.Mutex
	held    map[descriptionKey]*Object // what this process holds in it
	next    sweepCursor
	creates atomic.Uint32
	uses    int    // see Retain
	last    func() // called when the last use ends
}

// Base is the directory in which Local and Global lie.
func Base() string {
	if base := os.Getenv(RootVariable); base != "" && !secureExecution() {
		return base
	}
	return DefaultBase
}

// secureExecution says whether the kernel has raised this program's rights above
// its caller's (setuid, setgid, capabilities), so that the caller's environment
// must not steer it.
func secureExecution() bool {
	const atSecure = 23
	auxv, err := unix.Auxv()
	if err != nil {
		return os.Getuid() != os.Geteuid() || os.Getgid() != os.Getegid()
	}
	for _, entry := range auxv {
		if entry[0] == atSecure {
			return entry[1] != 0
		}
	}
	return false
}

// OpenDir opens and verifies the directory of a scope below base, and creates it
// if it is missing and ours to create: Local always, Global only by root.
//
// # Errors
//
// fs.ErrNotExist: the base, or Global without an administrator's preparation.
// fs.ErrPermission: a directory with a wrong owner or mode; the text says what
// was found and what is needed. errors.ErrUnsupported: not on tmpfs.
func OpenDir(base string, scope Scope) (*Dir, error) {
	baseFD, err := OpenBase(base)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(baseFD) }()
	want := wanted(scope)
	return openWanted(baseFD, want, filepath.Join(base, want.name), scope)
}

// LookDir is OpenDir for one who only looks: it makes nothing and repairs nothing.
func LookDir(base string, scope Scope) (*Dir, error) {
	baseFD, err := OpenBase(base)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(baseFD) }()
	want := wanted(scope)
	want.create = false
	return openWanted(baseFD, want, filepath.Join(base, want.name), scope)
}

// OpenDirAt opens and verifies the directory of a private namespace, which belongs
// to its founder uid and has been made.
//
// # Errors
//
// As OpenDir.
func OpenDirAt(parent int, name, path string, scope Scope, uid uint32) (*Dir, error) {
	return openWanted(parent, wantedDir{name: name, uid: uid, anyMode: true}, path, scope)
}

func openWanted(parent int, want wantedDir, path string, scope Scope) (*Dir, error) {
	fd, err := want.open(parent, path)
	if err != nil {
		return nil, err
	}
	inner := want
	inner.name = MembersName
	members, err := inner.open(fd, filepath.Join(path, MembersName))
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_, _ = unix.Close(fd), unix.Close(members)
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Dir{
		Scope: scope, Path: path, fd: fd, members: members, id: lockfile.IdentityOf(&st),
		held: make(map[descriptionKey]*Object),
	}, nil
}

// Close closes the directory; nothing may be held in it any more.
func (d *Dir) Close() error { return errors.Join(unix.Close(d.fd), unix.Close(d.members)) }

// MembersFD is the descriptor of the folder of member files.
func (d *Dir) MembersFD() int { return d.members }

// Gone says whether somebody has removed the directory's folder of members under us,
// without which the directory itself cannot be removed.
func (d *Dir) Gone() bool {
	var st unix.Stat_t
	return unix.Fstat(d.members, &st) != nil || st.Nlink == 0
}

// Retain counts a use of the directory: a handle of its namespace, a membership.
// An object that is held in it is one, too.
func (d *Dir) Retain() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.uses++
}

// InUse says whether anything uses the directory.
func (d *Dir) InUse() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.uses > 0
}

// WhenUnused says what is to be done when the last use has ended.
func (d *Dir) WhenUnused(done func()) { d.last = done }

// Release ends a use.
func (d *Dir) Release() {
	d.mu.Lock()
	d.uses--
	last := d.uses == 0 && d.last != nil
	d.mu.Unlock()
	if last {
		d.last()
	}
}

// OpenBase opens the base and refuses one in which a stranger could replace our
// directories, or that is not memory.
func OpenBase(base string) (int, error) {
	fd, err := lockfile.OpenDirectory(unix.AT_FDCWD, base, 0)
	if err != nil {
		return -1, fmt.Errorf("base directory %s: %w", base, err)
	}
	if err := checkBaseDir(fd, base); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func checkBaseDir(fd int, base string) error {
	var st unix.Stat_t
	var fsys unix.Statfs_t
	if err := errors.Join(unix.Fstat(fd, &st), unix.Fstatfs(fd, &fsys)); err != nil {
		return fmt.Errorf("base directory %s: %w", base, err)
	}
	switch {
	case int64(fsys.Type) != unix.TMPFS_MAGIC:
		return errs.New(errors.ErrUnsupported, "base directory %s is not on tmpfs (file system type %#x); set %s to a directory that is", base, fsys.Type, RootVariable)
	case !Mapped("uid", st.Uid):
		return errs.New(fs.ErrPermission, "base directory %s belongs to a user that is not mapped into this user namespace (shown as uid %d); it must belong to root or to you", base, st.Uid)
	case st.Uid != 0 && st.Uid != uint32(os.Geteuid()):
		return errs.New(fs.ErrPermission, "base directory %s belongs to uid %d; it must belong to root or to you", base, st.Uid)
	case st.Mode&0o022 != 0 && st.Mode&unix.S_ISVTX == 0:
		return errs.New(fs.ErrPermission, "base directory %s has mode %#o: others may write and it is not sticky, so they could replace your files; chmod +t %s", base, st.Mode&0o7777, base)
	}
	return nil
}

// The directory of Global below the base, and the mode that it and its folder of
// members have: all may make files, and nobody may remove another's.
const (
	GlobalName = "atoll"
	GlobalMode = 0o1777
)

// wantedDir is what a directory must be.
type wantedDir struct {
	name   string
	uid    uint32
	mode   uint32
	create bool
	// anyMode: its owner says who may enter. Where others may write it must be
	// sticky, so that they cannot replace each other's files.
	anyMode bool
}

func wanted(scope Scope) wantedDir {
	uid := uint32(os.Geteuid())
	if scope == Global {
		return wantedDir{name: GlobalName, uid: 0, mode: GlobalMode, create: uid == 0}
	}
	return wantedDir{name: "atoll-" + strconv.FormatUint(uint64(uid), 10), uid: uid, mode: 0o700, create: true}
}

// open opens the directory relative to parent, verified by descriptor. It makes
// it if it may; whoever finds it half made finishes it.
func (w wantedDir) open(parent int, path string) (int, error) {
	if w.create {
		err := unix.Mkdirat(parent, w.name, w.mode&0o700)
		if err == nil || errors.Is(err, fs.ErrExist) {
			err = w.finish(parent)
		}
		if err != nil {
			return -1, fmt.Errorf("create %s: %w", path, err)
		}
	}
	fd, err := lockfile.OpenDirectory(parent, w.name, unix.O_NOFOLLOW)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !w.anyMode:
		return -1, errs.New(fs.ErrNotExist, "%s does not exist; only root may create it: as root, run: atoll setup --apply (or: mkdir -m %o %s %s/%s)", path, w.mode, path, path, MembersName)
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return -1, errs.New(fs.ErrPermission, "%s is not a directory; remove it", path)
	case errors.Is(err, fs.ErrPermission):
		var st unix.Stat_t
		_ = unix.Fstatat(parent, w.name, &st, unix.AT_SYMLINK_NOFOLLOW)
		return -1, errs.Because(err, 0, fs.ErrPermission, "%s belongs to uid %d, and its mode %#o does not let this user in", path, st.Uid, st.Mode&0o7777)
	case err != nil:
		return -1, fmt.Errorf("%s: %w", path, err)
	}
	if err := w.verify(fd, path); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// finish gives the directory its mode if it is between mkdir and chmod of its
// creator, who may be dead, and whose umask may have taken away any bits: it has
// nothing but rights of its owner then, so nobody else can have been in it. Only
// the owner can put something else in its place meanwhile.
func (w wantedDir) finish(parent int) error {
	var st unix.Stat_t
	if err := unix.Fstatat(parent, w.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	mode := st.Mode & 0o7777
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Uid != w.uid || mode == w.mode || mode&^(0o700|unix.S_ISGID) != 0 {
		return nil
	}
	return unix.Fchmodat(parent, w.name, w.mode, 0)
}

func (w wantedDir) verify(fd int, path string) error {
	var st unix.Stat_t
	var fsys unix.Statfs_t
	if err := errors.Join(unix.Fstat(fd, &st), unix.Fstatfs(fd, &fsys)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	switch mode := st.Mode & 0o7777; {
	case st.Uid != w.uid:
		return errs.New(fs.ErrPermission, "%s belongs to uid %d, it must belong to uid %d; that user, or root, must remove it", path, st.Uid, w.uid)
	case w.anyMode && mode&0o022 != 0 && mode&unix.S_ISVTX == 0:
		return errs.New(fs.ErrPermission, "%s has mode %#o: others may write and it is not sticky, so they could replace your files", path, mode)
	case !w.anyMode && mode != w.mode:
		return errs.New(fs.ErrPermission, "%s has mode %#o, it must have %#o; run: chmod %o %s", path, mode, w.mode, w.mode, path)
	case int64(fsys.Type) != unix.TMPFS_MAGIC:
		return errs.New(errors.ErrUnsupported, "%s is not on tmpfs", path)
	}
	return nil
}
