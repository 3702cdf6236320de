//go:build linux

package parley

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/transfer"
)

// Send sends a note, with duplicates of its descriptors. It waits while the connection
// is full.
func Send(c *net.UnixConn, n *Note) error {
	b, err := n.encode()
	if err != nil {
		return err
	}
	var rights []byte
	if len(n.Descriptors) > 0 {
		rights = unix.UnixRights(n.Descriptors...)
	}
	_, _, err = c.WriteMsgUnix(b, rights, nil)
	if errors.Is(err, unix.ETOOMANYREFS) {
		err = errs.Because(err, errs.TooManyOpenFiles, nil, "too many descriptors of this user are on their way (ulimit -n)")
	}
	return err
}

// Receive waits for a note.
//
// # Errors
//
// io.EOF: the other has closed the connection. ErrCorrupt, ErrVersion: then the
// connection is of no use any more. Those of the connection.
func Receive(c *net.UnixConn) (*Note, error) {
	b := make([]byte, headerSize+MaxText+1) // one more is too long
	control := make([]byte, 1024)           // more than a note of ours has, and room to see it
	size, controls, flags, _, err := c.ReadMsgUnix(b, control)
	descriptors, e := descriptorsIn(control[:max(controls, 0)])
	var n *Note
	switch {
	case err != nil:
	case e != nil:
		err = e
	case size == 0:
		err = io.EOF
	case flags&(unix.MSG_CTRUNC|unix.MSG_TRUNC) != 0 || len(descriptors) > maxDescriptors:
		err = errs.New(errs.ErrCorrupt, "a message is longer than any, has too many descriptors, or this process has none left (ulimit -n)")
	default:
		n, err = parse(b[:size], len(descriptors))
	}
	if err != nil {
		closeAll(descriptors)
		return nil, err
	}
	n.Descriptors = descriptors
	return n, nil
}

func closeAll(descriptors []int) {
	for _, fd := range descriptors {
		transfer.CloseDescriptor(fd)
	}
}

// Discard closes the descriptors of a note.
func (n *Note) Discard() {
	closeAll(n.Descriptors)
	n.Descriptors = nil
}

func descriptorsIn(control []byte) (descriptors []int, err error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil, errs.Because(err, 0, errs.ErrCorrupt, "a message has control data that cannot be read")
	}
	for i := range messages {
		m := &messages[i]
		if m.Header.Level != unix.SOL_SOCKET || m.Header.Type != unix.SCM_RIGHTS {
			continue
		}
		for b := m.Data; len(b) >= 4; b = b[4:] {
			descriptors = append(descriptors, int(int32(binary.NativeEndian.Uint32(b))))
		}
	}
	return descriptors, nil
}

// Pair is a connection with itself: one end, and the file of the other, for a child.
func Pair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a pair of sockets: %w", err)
	}
	const room = 1 << 20 // the kernel gives what it may
	_ = unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_SNDBUF, room)
	other := os.NewFile(uintptr(fds[1]), "inheritance")
	c, err := Conn(fds[0])
	if err != nil {
		return nil, nil, errors.Join(err, other.Close())
	}
	return c, other, nil
}

// Conn takes over the descriptor of a connection.
func Conn(fd int) (*net.UnixConn, error) {
	f := os.NewFile(uintptr(fd), "parley")
	defer func() { _ = f.Close() }()
	c, err := net.FileConn(f) // which duplicates it
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(syscall.ENOTSOCK, c.Close())
	}
	return u, nil
}

// Strange refuses descriptors that have come, and are not what was said of them.
func Strange(descriptors []int, what string) error {
	closeAll(descriptors)
	return errs.New(errs.ErrCorrupt, "what has come as a %s is none, or not the one that has the number here", what)
}

// Ask sends a question, and waits for the answer.
func Ask(c *net.UnixConn, question *Note) (*Note, error) {
	if err := Send(c, question); err != nil {
		return nil, err
	}
	return Hear(c)
}

// Hear waits for an answer.
//
// # Errors
//
// What the other process says of its failure, with the number that it gives.
func Hear(c *net.UnixConn) (*Note, error) {
	answer, err := Receive(c)
	if err != nil {
		return nil, err
	}
	if err := answer.Failed(); err != nil {
		answer.Discard()
		return nil, err
	}
	return answer, nil
}

// Unanswered is what a failed conversation means.
func Unanswered(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errs.Because(err, errs.Busy, nil, "the other process does not answer; it may be stopped")
	case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE):
		return errs.Because(err, errs.AccessDenied, nil, "the other process refuses, or has ended")
	}
	return err
}
