//go:build linux

package fileuse

import (
	"cmp"
	"math/rand/v2"
	"time"

	"atoll/internal/errs"
)

// Rights are what share modes are about.
type Rights uint8

// The rights.
const (
	Read Rights = 1 << iota // or execute
	Write
	Delete
	All = Read | Write | Delete
)

// Use is what somebody wants to do with a file, and what it lets others do meanwhile.
type Use struct {
	Access Rights
	Share  Rights
	// What sections may be in the way of.
	WriteData     bool // not only at the end
	DeleteOnClose bool
	Truncate      bool
}

// What is in the way of a use.
var (
	errPending = errs.Numbered(errs.AccessDenied, nil, "the file is about to be deleted")
	errShared  = errs.Numbered(errs.SharingViolation, nil, "others have the file open, and one side does what the other does not share")
	errWritten = errs.Numbered(errs.SharingViolation, nil, "a section can write the file, and the call does not share writing")
	errRun     = errs.Numbered(errs.SharingViolation, nil, "the file is mapped as an image")
	errImage   = errs.Numbered(errs.AccessDenied, nil, "the file is mapped as an image, and is not deleted")
	errKept    = errs.Numbered(errs.AccessDenied, nil, "a section over the file keeps it from being deleted")
	errMapped  = errs.Numbered(errs.UserMappedFile, nil, "a section over the file keeps it from being cut off")
)

// tries is how often somebody looks whether others, who are deciding too, have made
// up their minds.
const tries = 40

// Enter says so on the description of fd, which must be open for reading, and of its
// own. It stays until the description is gone, or Leave. Where the description or the
// file system does not have such locks, nothing is imposed.
//
// Two who decide at once see each other: each first says what it is about to do, then
// looks what others are about to do, then what others do, and then says that it does.
// So neither misses the other; if both would, both step back, and come again.
//
// # Errors
//
// Of Windows' numbers: 32, others have the file open and it would not be shared; 5, it
// is about to be deleted; 1224, 32 or 5, what a section keeps it from.
func (u Use) Enter(fd int) error {
	asks := u.denies().at(deciding+forbids) | u.Access.at(deciding+does)
	for try := 1; ; try++ {
		lock(fd, asks)
		// Who is not deciding any more has said that it does: so in this order.
		contested := anybody(fd, u.against(deciding))
		err := u.obstacle(fd)
		switch {
		case err != nil || contested && try == tries:
			unlock(fd, asks)
			return cmp.Or(err, errShared)
		case !contested:
			lock(fd, u.denies().at(forbids)|u.Access.at(does))
			unlock(fd, asks)
			return nil
		}
		unlock(fd, asks)
		most := 50 * time.Microsecond << min(try, 7)
		time.Sleep(rand.N(most)) //nolint:gosec,forbidigo // to come at another time than others do
	}
}

// Leave takes back what Enter has said, for whoever has the description.
func Leave(fd int) { unlock(fd, All.at(does)|All.at(forbids)|bit(pending)) }

// denies is what others must not do. Who does nothing that could be shared forbids
// nothing.
func (u Use) denies() Rights {
	if u.Access == 0 {
		return 0
	}
	return All &^ u.Share
}

// against are the bytes that somebody has whose use does not go with this one.
func (u Use) against(from int) uint32 {
	asked := u.Access
	if u.Truncate {
		asked |= Write
	}
	return asked.at(from+forbids) | u.denies().at(from+does)
}

// obstacle says what those who have the file open, or sections over it, have against
// the use.
func (u Use) obstacle(fd int) error {
	if !anybody(fd, everything) {
		return nil
	}
	s := Alive(fd)
	switch {
	case anybody(fd, bit(pending)):
		return errPending
	case anybody(fd, u.against(0)):
		return errShared
	case s&Writable != 0 && u.Share&Write == 0:
		return errWritten
	case s&Image != 0 && u.WriteData:
		return errRun
	case s&Image != 0 && u.DeleteOnClose:
		return errImage
	case s != 0 && u.Truncate:
		return errMapped
	}
	return nil
}
