package namespace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

// Sight is what can be seen of one file of a directory from outside, at one
// moment. Looking takes no lock, so it neither keeps an object alive nor gets in
// the way of those who create, open and close it.
type Sight struct {
	File    string        // its name in the directory
	Header  layout.Header // zero if Problem says why
	Page    *layout.Page  // the state of a synchronisation object
	ID      lockfile.Identity
	Stat    unix.Stat_t
	ACL     []access.Entry // nil if the mode says all
	Alive   bool           // somebody has a handle
	Problem error          // why it cannot be read, if so
}

// Name is the object's name with its prefix; of a file that cannot be read, what
// the file's name says.
func (s *Sight) Name(scope Scope) Name {
	if s.Header.Name != "" {
		return Name{scope, s.Header.Name}
	}
	return Name{scope, unescape(s.File)}
}

// Exists says whether the directory of a scope is there, without making it.
//
// # Errors
//
// What is wrong with the base, as OpenDir says it.
func Exists(base string, scope Scope) (bool, error) {
	fd, err := OpenBase(base)
	if err != nil {
		return false, err
	}
	defer func() { _ = unix.Close(fd) }()
	_, err = os.Lstat(filepath.Join(base, wanted(scope).name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Peek looks at one file.
//
// # Errors
//
// fs.ErrNotExist: it is not there, or went away meanwhile. Everything else that
// is wrong is the sight's Problem.
func (d *Dir) Peek(file string) (Sight, error) {
	s := Sight{File: file}
	fd, _, st, err := lockfile.Open(d.fd, file)
	if err != nil {
		if e := unix.Fstatat(d.fd, file, &s.Stat, unix.AT_SYMLINK_NOFOLLOW); errors.Is(e, fs.ErrNotExist) {
			return s, fs.ErrNotExist
		}
		s.ID, s.Problem = lockfile.IdentityOf(&s.Stat), err
		return s, nil
	}
	defer func() { _ = unix.Close(fd) }()
	s.Stat, s.ID = st, lockfile.IdentityOf(&st)
	s.Header, s.Problem = readHeader(fd)
	acl, aclErr := lockfile.ACL(fd)
	alive, err := lockfile.HeldByOther(fd, lockfile.Holders)
	if s.Problem == nil {
		s.Problem = s.sound(fd, alive)
	}
	s.ACL, s.Alive, s.Problem = acl, alive, errors.Join(s.Problem, err, aclErr)
	// Its last holder may have removed it while we looked.
	if err := unix.Fstat(fd, &st); err == nil && st.Nlink == 0 {
		return s, fs.ErrNotExist
	}
	return s, nil
}

// sound looks at what a right header does not promise, and reads the state.
func (s *Sight) sound(fd int, alive bool) error {
	if s.Stat.Size != s.Header.FileSize() && (alive || s.Stat.Size != shrunk(&s.Header)) {
		return errs.New(errs.ErrCorrupt, "is %d bytes long, its header says %d: somebody has truncated it", s.Stat.Size, s.Header.FileSize())
	}
	if (Name{Base: s.Header.Name}).FileName() != s.File {
		return errs.New(errs.ErrCorrupt, "is the object %q, which does not belong under this name; remove it", s.Header.Name)
	}
	var err error
	s.Page, err = readPage(fd)
	return err
}

// readPage copies the state; of a file that is too short for one, zeros.
func readPage(fd int) (*layout.Page, error) {
	b := make([]byte, layout.StateOffset+layout.StateSize)
	_, err := lockfile.ReadAt(fd, b, 0)
	page, _ := layout.ReadPage(b)
	return page, err
}

// PeekName looks at the file of a name.
//
// # Errors
//
// As Peek.
func (d *Dir) PeekName(name Name) (Sight, error) { return d.Peek(name.FileName()) }

// PeekAll looks at every file in the directory.
func (d *Dir) PeekAll() (sights []Sight, err error) {
	err = d.Names(func(file string) bool {
		if s, err := d.Peek(file); err == nil {
			sights = append(sights, s)
		}
		return true
	})
	return sights, err
}

// Numbers returns every member number that an object in the directory names: as
// its owner, or as who holds its gate. sure is false if there was a file that this
// user may not read, so that a number that is missing may be named all the same.
//
// A file whose header cannot be read counts as well: its number is kept rather
// than lost.
//
// # Errors
//
// The system's; then nothing is known.
func (d *Dir) Numbers() (named map[uint32]bool, sure bool, err error) {
	named, sure = make(map[uint32]bool), true
	var failures []error
	err = d.Names(func(file string) bool {
		switch err := d.numbersOf(file, named); {
		case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, errs.ErrCorrupt) && !d.regular(file):
			// Gone, or nothing that could be an object: it names nobody.
		case errors.Is(err, unix.EAGAIN) && !d.mine(file):
			// Leased by its owner, which nobody can while others have it.
		case errors.Is(err, fs.ErrPermission), errors.Is(err, errs.ErrCorrupt):
			sure = false
		default:
			failures = append(failures, err)
		}
		return true
	})
	return named, sure, errors.Join(append(failures, err)...)
}

// regular says whether a name leads to a file with bytes, such as an object to
// which somebody has made a second name.
func (d *Dir) regular(file string) bool {
	var st unix.Stat_t
	err := unix.Fstatat(d.fd, file, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}

func (d *Dir) numbersOf(file string, named map[uint32]bool) error {
	fd, _, _, err := lockfile.Open(d.fd, file)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return NumbersOf(fd, named)
}

// NumbersOf adds the member numbers that one object names.
//
// # Errors
//
// The system's.
func NumbersOf(fd int, named map[uint32]bool) error {
	page, err := readPage(fd)
	if err != nil {
		return err
	}
	state := page.Cell.Load()
	named[state.Holder()] = true
	// Only a mutex's word is a number. Of a damaged header we do not know.
	if h, err := readHeader(fd); err != nil || h.Type == layout.Mutex {
		named[state.Word()&layout.OwnerMask] = true
	}
	delete(named, 0)
	return nil
}
