//go:build linux

package kernel32

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/namespace"
	"atoll/internal/parley"
)

// What a child inherits lies in sockets: whoever has their other ends has what was
// sent, and so has the child from its birth, whether it looks or not.

// inheritVariable tells a child of CreateProcess where its handles are: the version,
// and for each socket a semicolon, its descriptor, a colon and its inode.
const (
	inheritVariable = "ATOLL_INHERIT"
	inheritVersion  = "1"
)

// estate is what a child will inherit.
type estate struct {
	conn  *net.UnixConn // into which the handles go
	files []*os.File    // the ends of the child
	count int
}

// perSocket is how many handles go into one socket, whose buffer they must fit into:
// nobody reads yet.
const perSocket = 32

// add has the child inherit a handle.
func (s *estate) add(h Handle, e *entry) error {
	if s.count%perSocket == 0 {
		s.seal()
		conn, file, err := parley.Pair()
		if err != nil {
			return err
		}
		s.conn, s.files = conn, append(s.files, file)
	}
	s.count++
	_ = s.conn.SetWriteDeadline(time.Now().Add(time.Second)) // full is an error
	return errs.Because(dispatch(s.conn, parley.Handle, h, e), 0, nil, "handle %#x", h)
}

// seal ends the last socket.
func (s *estate) seal() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

// close gives up what the child has got, or should have.
func (s *estate) close() {
	s.seal()
	for _, f := range s.files {
		_ = f.Close()
	}
}

// variable is the line of the environment for a child that has the files from the
// descriptor first on.
func (s *estate) variable(first int) (string, error) {
	var value strings.Builder
	value.WriteString(inheritVariable + "=" + inheritVersion)
	for i, f := range s.files {
		info, err := f.Stat()
		if err != nil {
			return "", err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return "", syscall.ENOTSOCK
		}
		fmt.Fprintf(&value, ";%d:%d", first+i, st.Ino)
	}
	return value.String(), nil
}

// inherited are the sockets that this process was born with.
var inherited []int

// Before the program begins, and so before it can start a child, what was inherited is
// set to be closed in children, and the variable goes: both are for this process.
func init() {
	adoption.inherit = begin
	value, set := os.LookupEnv(inheritVariable)
	if !set || namespace.SecureExecution() {
		return
	}
	_ = os.Unsetenv(inheritVariable)
	inherited = seizeInherited(value)
	go adopt() // who has started it may have handles for it at once
}

// begin is what a process does before it uses its table: it takes what it was born
// with, and can be asked for handles from then on.
func begin() {
	inherit()
	_, _ = parley.Listen(answer) // else it cannot be asked, which is its peers' error
}

// seizeInherited reads the variable, which may be anything, and takes the sockets that
// are what it says.
func seizeInherited(value string) (sockets []int) {
	parts := strings.Split(value, ";")
	if parts[0] != inheritVersion {
		return nil
	}
	for _, part := range parts[1:] {
		fd, inode, _ := strings.Cut(part, ":")
		n, err := strconv.ParseUint(fd, 10, 31)
		id, e := strconv.ParseUint(inode, 10, 64)
		var st unix.Stat_t
		if err != nil || e != nil || n < 3 || unix.Fstat(int(n), &st) != nil || st.Ino != id || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
			continue
		}
		unix.CloseOnExec(int(n))
		sockets = append(sockets, int(n))
	}
	return sockets
}

// inherit puts what was inherited into the table. What cannot be had is left out.
func inherit() {
	for _, fd := range inherited {
		c, err := parley.Conn(fd)
		if err != nil {
			continue
		}
		_ = c.SetReadDeadline(time.Now().Add(patience)) // all of it is there
		inheritFrom(c)
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
