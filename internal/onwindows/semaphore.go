//go:build windows

package onwindows

import (
	"io/fs"

	"golang.org/x/sys/windows"

	"atoll/internal/access"
	"atoll/internal/errs"
)

// Semaphore is a handle of a semaphore.
type Semaphore struct{ plain }

// OpenSemaphore creates or opens a semaphore; initial and limit count only if it is
// created.
func OpenSemaphore(name string, intent Intent, asked access.Request, initial, limit int32) (s *Semaphore, created bool, err error) {
	if intent != MustOpen && (limit < 1 || initial < 0 || initial > limit) {
		return nil, false, errs.New(fs.ErrInvalid, "a semaphore needs a Max of at least 1 and an Initial from 0 to Max, not %d and %d", limit, initial)
	}
	h, created, err := obtain(name, intent, asked, calls{
		kind: access.Semaphore,
		open: openSemaphore,
		create: func(name *uint16, rights uint32) (windows.Handle, error) {
			return createSemaphoreEx(nil, initial, limit, name, 0, rights)
		},
	})
	if err != nil {
		return nil, false, err
	}
	return &Semaphore{plain{h}}, created, nil
}

// Release adds n to the count and returns what it was before.
func (s *Semaphore) Release(n int32) (previous int32, err error) {
	if n < 1 {
		return 0, errs.New(fs.ErrInvalid, "a semaphore is released by 1 or more, not by %d", n)
	}
	err = s.change("ReleaseSemaphore", func(raw windows.Handle) error {
		return releaseSemaphore(raw, n, &previous)
	})
	return previous, err
}

// QuickRelease is Release where there is a way without the kernel: not here.
func (s *Semaphore) QuickRelease() (previous int32, ok bool) { return 0, false }
