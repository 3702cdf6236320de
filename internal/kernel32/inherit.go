//go:build linux

package kernel32

import (
	"net"
	"os"

	"atoll/internal/errs"
	"atoll/internal/namespace"
	"atoll/internal/parley"
)

// estate is what a child will inherit.
type estate struct{ parley.Estate }

// add has the child inherit a handle.
func (s *estate) add(h Handle, e *entry) error {
	c, err := s.Next()
	if err != nil {
		return err
	}
	return errs.Because(dispatch(c, parley.Handle, h, e), 0, nil, "handle %#x", h)
}

// inherited are the sockets that this process was born with.
var (
	inherited []int
	born      bool // by CreateProcess
)

// Before the program begins, and so before it can start a child, what was inherited is
// set to be closed in children, and the variable goes: both are for this process.
func init() {
	adoption.inherit = begin
	value, set := os.LookupEnv(parley.InheritVariable)
	if !set || namespace.SecureExecution() {
		return
	}
	_ = os.Unsetenv(parley.InheritVariable)
	inherited, born = parley.Seize(value), true
}

// Begin has a child of CreateProcess take what it was born with, and listen: who has
// started it may have handles for it at once. Other processes do it when they need their
// table. It is called when this package has been initialised.
func Begin() {
	if born {
		go adopt()
	}
}

// begin is what a process does before it uses its table: it takes what it was born
// with, and can be asked for handles from then on.
func begin() {
	inherit()
	_, _ = parley.Listen(answer) // else it cannot be asked, which is its peers' error
}

// inherit puts what was inherited into the table. What cannot be had is left out.
func inherit() {
	for _, fd := range inherited {
		c, err := parley.Conn(fd)
		if err != nil {
			continue
		}
		inheritFrom(c) // all of it is there, however long this process was stopped meanwhile
		_ = c.Close()
	}
	inherited = nil
}

func inheritFrom(c *net.UnixConn) {
	for {
		note, err := parley.Receive(c)
		if err != nil {
			return
		}
		e, err := accept(c, note)
		if err != nil {
			continue
		}
		if note.Op != parley.Handle || !place(Handle(note.Handle), e.object, e.kind, e.granted, e.flags.Load()) {
			e.letGo()
		}
	}
}
