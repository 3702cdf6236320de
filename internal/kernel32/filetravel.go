//go:build linux

package kernel32

import (
	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/parley"
	"atoll/internal/winfile"
)

// withoutPosition is what is said of a file that has no position.
const withoutPosition = "overlapped"

func init() { unpackers[access.File] = unpackFile }

// pack gives the description, with all that belongs to it. A file that is to go with
// its last handle goes with the last one here.
func (f *file) pack() (descriptors []int, text string, err error) {
	again, err := unix.FcntlInt(uintptr(f.Descriptor()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, "", err
	}
	if f.Overlapped() {
		text = withoutPosition
	}
	return []int{again}, text, nil
}

// unpackFile makes a file of what pack gave.
func unpackFile(descriptors []int, text string) (object, error) {
	if len(descriptors) != 1 {
		return nil, parley.Strange(descriptors, "file")
	}
	f, err := winfile.Own(descriptors[0], text == withoutPosition)
	if err != nil {
		return nil, err
	}
	return &file{File: f}, nil
}
