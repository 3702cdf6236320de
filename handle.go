package atoll

import (
	"fmt"
	"io"
	"os"
	"runtime"

	"atoll/internal/layout"
)

// Type is the type of an object.
type Type uint32

// The six types, which share one name space.
const (
	TypeSection   = Type(layout.Section)
	TypeMutex     = Type(layout.Mutex)
	TypeSemaphore = Type(layout.Semaphore)
	TypeEvent     = Type(layout.Event)
	TypeTimer     = Type(layout.Timer)
	TypeJob       = Type(layout.Job)
)

// String returns "section", "mutex" and so on.
func (t Type) String() string { return layout.Type(t).String() }

// Object is what the handles of all types have in common.
type Object interface {
	// Name is the name the handle was created or opened with; empty for an
	// unnamed object.
	Name() string
	// Type is the object's type.
	Type() Type
	// Access is what this handle may do.
	Access() Access
	// Descriptor is the number of the file descriptor behind the handle, for
	// DuplicateFrom in another process and for messages. It belongs to the
	// library, which may share it among the handles of an object: do not close
	// it, lock it, or write to it. ^uintptr(0) after Close.
	Descriptor() uintptr
	// Close closes the handle. The object lives on while any process has another
	// one. A second Close returns os.ErrClosed and does nothing.
	Close() error

	object() kernelObject
}

// identity is what each handle of the root package embeds.
type identity struct {
	name string
	typ  Type
	lost runtime.Cleanup
}

// Name returns the name the handle was created or opened with; empty for an
// unnamed object.
func (i *identity) Name() string { return i.name }

// Type returns the object's type.
func (i *identity) Type() Type { return i.typ }

func (i *identity) fail(op string, err error) error { return fail(op, i.typ, i.name, err) }

// lostHandles receives a line for each handle that the garbage collector found
// unclosed. Only tests set it; see export_test.go.
var lostHandles io.Writer

// track reports the handle h if it is lost without Close. It never closes
// anything: memory that a slice may still reach must not go away by itself.
func track[T any](h *T, i *identity) {
	if lostHandles == nil {
		return
	}
	_, file, line, _ := runtime.Caller(3)
	text := fmt.Sprintf("atoll: %s %q was lost without Close; it was made at %s:%d\n", i.typ, i.name, file, line)
	i.lost = runtime.AddCleanup(h, func(text string) {
		if w := lostHandles; w != nil {
			_, _ = io.WriteString(w, text)
		}
	}, text)
}

// untrack is called by Close.
func (i *identity) untrack() { i.lost.Stop() }

var _ = os.ErrClosed // named in the comments above
