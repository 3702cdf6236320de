//go:build linux

package lockfile

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// OpenDirectory opens a directory for reading, with more flags than those that it
// always has: it must be one, and no child inherits it.
func OpenDirectory(dir int, path string, flags int) (fd int, err error) {
	err = retry(func() error {
		fd, err = unix.Openat(dir, path, flags|unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	return fd, err
}

// Names calls yield with each name in the directory dir, without "." and "..",
// until it says false. It reads through one description of its own: what is in
// the directory from beginning to end is seen exactly once, whatever comes and
// goes meanwhile. A description per piece could not promise that: older kernels
// count entries, and skip some when earlier ones are removed.
func Names(dir int, yield func(name string) bool) error {
	fd, err := OpenDirectory(dir, ".", 0)
	if err != nil {
		return fmt.Errorf("list directory: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	buffer := make([]byte, 32<<10)
	for {
		var n int
		err := retry(func() (err error) { n, err = unix.Getdents(fd, buffer); return err })
		if err != nil {
			return fmt.Errorf("list directory: %w", err)
		}
		if n <= 0 {
			return nil
		}
		_, _, names := unix.ParseDirent(buffer[:n], -1, nil)
		for _, name := range names {
			if !yield(name) {
				return nil
			}
		}
	}
}
