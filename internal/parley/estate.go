//go:build linux

package parley

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What a child inherits lies in sockets: whoever has their other ends has what was
// sent, and so has the child from its birth, whether it looks or not.

// InheritVariable tells a child of CreateProcess where its handles are: the version,
// and for each socket a semicolon, its descriptor, a colon and its inode.
const (
	InheritVariable = "ATOLL_INHERIT"
	inheritVersion  = "1"
)

// Estate is what a child will inherit.
type Estate struct {
	Files []*os.File // the ends of the child
	conn  *net.UnixConn
	count int
}

// perSocket is how many handles go into one socket, whose buffer they must fit into:
// nobody reads yet.
const perSocket = 32

// Next is where to send the next handle. What does not fit is an error soon.
func (s *Estate) Next() (*net.UnixConn, error) {
	if s.count%perSocket == 0 {
		s.seal()
		conn, file, err := Pair()
		if err != nil {
			return nil, err
		}
		s.conn, s.Files = conn, append(s.Files, file)
	}
	s.count++
	_ = s.conn.SetWriteDeadline(time.Now().Add(time.Second))
	return s.conn, nil
}

// seal ends the last socket.
func (s *Estate) seal() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

// Close gives up what the child has got, or should have.
func (s *Estate) Close() {
	s.seal()
	for _, f := range s.Files {
		_ = f.Close()
	}
}

// Variable is the line of the environment for a child that has the files from the
// descriptor first on. Nothing is added to them any more: so the child, which reads to
// the end, waits for nobody.
func (s *Estate) Variable(first int) (string, error) {
	s.seal()
	var value strings.Builder
	value.WriteString(InheritVariable + "=" + inheritVersion)
	for i, f := range s.Files {
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

// Seize reads the value of the variable, which may be anything, and takes the sockets that
// are what it says.
func Seize(value string) (sockets []int) {
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
