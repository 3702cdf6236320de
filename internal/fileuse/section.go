//go:build linux

package fileuse

import "time"

// Sections are kinds of sections over a file.
type Sections uint8

// The kinds. What is Writable is Data, too.
const (
	Data     Sections = 1 << iota
	Writable          // with a protection that lets views write the file
	Image
)

// Hold says that the description of fd, which must be of its own and open for reading,
// is a section's. That stays until the last descriptor and the last mapping of it are
// gone. It waits for somebody who is just cutting the file off.
func Hold(fd int, s Sections) {
	lock(fd, uint32(s)<<sections)
	// Who cuts off looks once more when it has said so; one that was stopped in between
	// must not keep us for ever.
	for wait := 50 * time.Microsecond; wait < time.Second && anybody(fd, bit(cutting)); wait *= 2 {
		time.Sleep(wait) //nolint:forbidigo // a lock of others tells nobody when it goes
	}
}

// Rehold is Hold for a description that may say that its section is of another kind.
func Rehold(fd int, s Sections) {
	unlock(fd, uint32(Data|Writable|Image)&^uint32(s)<<sections)
	Hold(fd, s)
}

// Alive says what sections there are over a file, in whatever process.
func Alive(fd int) (s Sections) {
	if !anybody(fd, uint32(Data|Writable|Image)<<sections) {
		return 0
	}
	for _, kind := range [...]Sections{Data, Writable, Image} {
		if anybody(fd, uint32(kind)<<sections) {
			s |= kind
		}
	}
	return s
}

// Cut runs what makes the file shorter, if no section is over it, and keeps sections
// from being made meanwhile.
//
// # Errors
//
// 1224, and those of do.
func Cut(fd int, do func() error) error {
	lock(fd, bit(cutting))
	defer unlock(fd, bit(cutting))
	if Alive(fd) != 0 {
		return errMapped
	}
	return do()
}

// Pend says that the file will be deleted when the description is closed: nobody can
// open it any more.
//
// # Errors
//
// 5: there is a section over it.
func Pend(fd int) error {
	if Alive(fd) != 0 {
		return errKept // what was said before stays
	}
	lock(fd, bit(pending))
	if Alive(fd) != 0 {
		unlock(fd, bit(pending))
		return errKept
	}
	return nil
}

// Unpend takes Pend back.
func Unpend(fd int) { unlock(fd, bit(pending)) }

// Removable says whether a name of the file may be removed.
//
// # Errors
//
// 5: there is a section over it.
func Removable(fd int) error {
	if Alive(fd) != 0 {
		return errKept
	}
	return nil
}
