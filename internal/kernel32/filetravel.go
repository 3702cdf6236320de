//go:build linux

package kernel32

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
)

// withoutPosition is what is said of a file that has no position.
const withoutPosition = "overlapped"

func init() { unpackers[access.File] = unpackFile }

// pack gives the description, with all that belongs to it. A file that is to go with
// its last handle goes with the last one here.
func (f *file) pack() (descriptors []int, text string, err error) {
	again, err := unix.FcntlInt(uintptr(f.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, "", err
	}
	if f.overlapped {
		text = withoutPosition
	}
	return []int{again}, text, nil
}

// unpackFile makes a file of what pack gave.
func unpackFile(descriptors []int, text string) (object, error) {
	var st unix.Stat_t
	if len(descriptors) != 1 || unix.Fstat(descriptors[0], &st) != nil {
		return nil, strange(descriptors, "file")
	}
	return &file{
		File: os.NewFile(uintptr(descriptors[0]), "file"), fd: descriptors[0],
		kind: st.Mode & unix.S_IFMT, overlapped: strings.Contains(text, withoutPosition),
	}, nil
}
