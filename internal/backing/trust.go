//go:build linux

package backing

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

// Signature is a bit in the mode of a section's object file, which only its owner
// can set: that the header, which says which file the section is over, was written
// by the owner alone. Where others may write the object, one of them could have put
// there any file that the next opener may open, and they may not.
const Signature = unix.S_ISVTX

// SignedMode is the mode of a section's object file that is to have the mode given.
func SignedMode(h layout.Header, mode uint32) uint32 {
	const others = 0o022 // those of an ACL are in the group's bits
	if h.Has(layout.FlagFile) && mode&others == 0 {
		return mode | Signature
	}
	return mode
}

// trusts says whether whoever wrote down which file the section is over has rights of
// their own on it. A program with more rights must not take their word for it: it
// would open, and perhaps write, what they cannot.
func (w *wantedFile) trusts(look int, st *unix.Stat_t) bool {
	if w.signed && (w.creator == 0 || w.creator == uint32(os.Geteuid()) || w.creator == st.Uid) {
		return true
	}
	others := uint32(0o004)
	if w.mode == unix.O_RDWR {
		others = 0o006
	}
	return st.Mode&others == others && w.inOpenSight(look)
}

// inOpenSight says whether everybody may enter all directories on the way to the
// file. To one that has no name, or no longer, nobody has a way, whatever its mode
// says.
func (w *wantedFile) inOpenSight(look int) bool {
	path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(look))
	if err != nil || !filepath.IsAbs(path) {
		return false
	}
	const flags = unix.O_PATH | unix.O_NOFOLLOW
	dir, err := lockfile.OpenDirectory(unix.AT_FDCWD, filepath.Dir(path), flags)
	if err != nil {
		return false
	}
	defer func() { Close(dir) }()
	if same, err := lockfile.SamePath(dir, filepath.Base(path), w.id); err != nil || !same {
		return false
	}
	// Upwards by descriptors, so that nothing can be put in the place of a directory.
	for last := (lockfile.Identity{}); ; {
		var st unix.Stat_t
		if err := unix.Fstat(dir, &st); err != nil {
			return false
		}
		id := lockfile.IdentityOf(&st)
		if id == last {
			return true // the root
		}
		if st.Mode&0o001 == 0 {
			return false
		}
		up, err := lockfile.OpenDirectory(dir, "..", flags)
		if err != nil {
			return false
		}
		Close(dir)
		dir, last = up, id
	}
}

func (w *wantedFile) distrust(path string, st *unix.Stat_t) error {
	const wayOut = "pass the file yourself, to CreateOrOpenSection, if you trust it"
	if !w.signed {
		return errs.New(fs.ErrPermission, "the section says that it is over %s, which belongs to uid %d with mode %#o; but other users may write the section's object, so that one who could not open the file may have said so; "+wayOut, path, st.Uid, st.Mode&0o7777)
	}
	return errs.New(fs.ErrPermission, "uid %d made the section, and says that it is over %s, which belongs to uid %d with mode %#o and which that user perhaps could not open; "+wayOut, w.creator, path, st.Uid, st.Mode&0o7777)
}
