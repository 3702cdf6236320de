package errs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		err  error
		want uint32
	}{
		{nil, 0},
		{ErrWrongType, 6},
		{ErrNotOwner, 288},
		{ErrTooManyPosts, 298},
		{ErrStuck, 170},
		{ErrCorrupt, 1392},
		{ErrVersion, 1306},
		{ErrFault, 999},
		{ErrBadName, 123},
		{fs.ErrExist, 183},
		{fs.ErrNotExist, 2},
		{fs.ErrPermission, 5},
		{os.ErrClosed, 6},
		{fs.ErrInvalid, 87},
		{context.DeadlineExceeded, 258},
		{context.Canceled, 1223},
		{errors.ErrUnsupported, 50},
		{syscall.ENOENT, 2},
		{syscall.EEXIST, 183},
		{syscall.EACCES, 5},
		{syscall.EPERM, 5},
		{syscall.EMFILE, 4},
		{syscall.ENFILE, 4},
		{syscall.ENOMEM, 8},
		{syscall.ENOSPC, 112},
		{errors.New("anything else"), 31},
		{New(ErrCorrupt, "text"), 1392},
		{Numbered(161, ErrBadName, "text"), 161},
		{Because(syscall.EACCES, 1455, nil, "text"), 1455},
		{Because(syscall.EACCES, 0, nil, "text"), 5},
		{fmt.Errorf("wrapped: %w", Numbered(3, fs.ErrNotExist, "text")), 3},
		{errors.Join(errors.New("first"), New(ErrStuck, "text")), 170},
	} {
		if got := Number(c.err); got != c.want {
			t.Errorf("Number(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

// What stands further out counts first, but an error without a number of its own
// does not hide that of one inside it.
func TestNumberOfNested(t *testing.T) {
	inner := Numbered(PathNotFound, fs.ErrNotExist, "inner")
	for _, c := range []struct {
		err  error
		want uint32
	}{
		{Because(inner, 0, nil, "outer"), PathNotFound},
		{Because(inner, 0, ErrCorrupt, "outer"), FileCorrupt},
		{Because(inner, Busy, ErrCorrupt, "outer"), Busy},
		{errors.Join(New(ErrWrongType, "first"), inner), InvalidHandle},
		{errors.Join(nil, inner), PathNotFound},
		{fmt.Errorf("two: %w, %w", errors.New("nothing"), inner), PathNotFound},
		{New(nil, "no sentinel"), GenFailure},
	} {
		if got := Number(c.err); got != c.want {
			t.Errorf("Number(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

func TestDetail(t *testing.T) {
	err := Because(syscall.EACCES, 0, ErrCorrupt, "%s is odd", "it")
	for _, is := range []error{syscall.EACCES, fs.ErrPermission, ErrCorrupt} {
		if !errors.Is(err, is) {
			t.Errorf("%v is not %v", err, is)
		}
	}
	if errors.Is(err, ErrVersion) {
		t.Error("it is something that it is not")
	}
	if text := err.Error(); !strings.HasPrefix(text, "it is odd: ") || !strings.Contains(text, syscall.EACCES.Error()) {
		t.Errorf("text %q", text)
	}
	if err := New(nil, "alone"); err.Error() != "alone" || errors.Unwrap(err) != nil {
		t.Errorf("got %v", err)
	}
	if Because(nil, 5, ErrCorrupt, "text") != nil {
		t.Error("no cause must be no error")
	}
}

// Every sentinel has a number of its own, so that a new one is not forgotten.
func TestEverySentinelHasANumber(t *testing.T) {
	for _, err := range []error{
		ErrWrongType, ErrNotOwner, ErrTooManyPosts, ErrStuck, ErrCorrupt, ErrVersion, ErrFault, ErrBadName,
	} {
		if Number(err) == GenFailure {
			t.Errorf("%v has no number", err)
		}
	}
}
