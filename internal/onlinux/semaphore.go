//go:build linux

package onlinux

import (
	"io/fs"
	"unsafe"

	"atoll/internal/access"
	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/layout"
)

// Semaphore is a handle of a semaphore.
type Semaphore struct{ plain }

// OpenSemaphore creates or opens a semaphore; initial and limit count only if it
// is created.
func OpenSemaphore(name string, intent Intent, asked access.Request, initial, limit int32) (s *Semaphore, created bool, err error) {
	if intent != MustOpen && (limit < 1 || initial < 0 || initial > limit) {
		return nil, false, errs.New(fs.ErrInvalid, "a semaphore needs a Max of at least 1 and an Initial from 0 to Max, not %d and %d", limit, initial)
	}
	h, created, err := openSync(name, intent, syncSpec{
		header: layout.Header{Type: layout.Semaphore, Limit: uint32(max(limit, 1))},
		asked:  asked,
		word:   func(uint32) uint32 { return uint32(initial) },
	})
	if err != nil {
		return nil, false, err
	}
	return semaphoreOf(h), created, nil
}

func semaphoreOf(h *syncHandle) *Semaphore {
	s := new(Semaphore)
	s.init(h)
	return s
}

// Release adds n to the count and returns what it was before.
func (s *Semaphore) Release(n int32) (previous int32, err error) {
	if n < 1 {
		return 0, errs.New(fs.ErrInvalid, "a semaphore is released by 1 or more, not by %d", n)
	}
	check.Release(unsafe.Pointer(s.att))
	if err := s.begin(access.Modify); err != nil {
		return 0, err
	}
	defer s.finish()
	limit := s.inner.Header.Limit
	old, err := s.att.Change(
		func(word uint32) uint32 { return word + uint32(n) },
		func(word uint32) error {
			if uint32(n) > limit-word {
				return errs.New(errs.ErrTooManyPosts, "the count is %d and can be %d at the most: it was not released by %d", word, limit, n)
			}
			return nil
		})
	if err != nil {
		return 0, err
	}
	s.signaled()
	return int32(old), nil
}
