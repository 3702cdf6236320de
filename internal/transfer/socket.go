//go:build linux

package transfer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/sys/unix"

	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/layout"
)

// A message is a header of 16 bytes, the magic, the version and the length of the
// line, little-endian, and the line, whose descriptors are numbered by their places
// in the control data that come with the first byte.
const (
	messageMagic   = "ATOLLHND"
	messageVersion = 1
	headerSize     = 16
	maxLine        = 3*layout.MaxPath + 512
	// What a handle has at the most, and what the kernel lets one message bring.
	handleDescriptors = 2
	maxDescriptors    = 253
)

// Send writes a handle to a connection, and waits while that is full. The
// descriptors stay the caller's.
//
// # Errors
//
// Those of the connection. If some bytes were written before, the connection is of
// no use any more.
func Send(c *net.UnixConn, h *Handle) error {
	travelling := *h
	fds := []int{h.Object.FD}
	travelling.Object.FD = 0
	if h.Second.FD >= 0 {
		fds = append(fds, h.Second.FD)
		travelling.Second.FD = 1
	}
	message := encodeMessage(&travelling)
	n, _, err := c.WriteMsgUnix(message, unix.UnixRights(fds...), nil)
	if errors.Is(err, unix.ETOOMANYREFS) {
		return errs.Because(err, errs.TooManyOpenFiles, nil, "too many descriptors of this user are on their way and were not received yet (ulimit -n)")
	}
	check.Point("send.begun")
	if err == nil && n < len(message) {
		// Only a stream takes a part of it.
		_, err = c.Write(message[n:])
	}
	return err
}

func encodeMessage(h *Handle) []byte {
	line := h.line()
	b := make([]byte, headerSize, headerSize+len(line))
	copy(b, messageMagic)
	binary.LittleEndian.PutUint32(b[8:], messageVersion)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(line)))
	return append(b, line...)
}

// Receive reads one handle from a connection, no byte more, and waits for it. The
// descriptors are the caller's to close. If it fails all that have come are closed.
//
// # Errors
//
// io.EOF: the peer has closed the connection between two messages.
// io.ErrUnexpectedEOF: within one. ErrCorrupt, ErrVersion: what came is no handle.
// Those of the connection, os.ErrDeadlineExceeded among them. But for that and
// io.EOF the connection is of no use any more, and also after a deadline if a part
// of the message had come, which the text says.
func Receive(c *net.UnixConn) (*Handle, error) {
	r := reader{conn: c}
	h, err := r.read()
	if err != nil {
		for _, fd := range r.descriptors {
			CloseDescriptor(fd)
		}
		return nil, err
	}
	return h, nil
}

// reader reads one message.
type reader struct {
	conn        *net.UnixConn
	descriptors []int
	got         int // bytes
}

func (r *reader) read() (*Handle, error) {
	packets, err := isPacket(r.conn)
	if err != nil {
		return nil, err
	}
	if packets {
		b := make([]byte, headerSize+maxLine)
		n, err := r.some(b)
		if err != nil {
			return nil, err
		}
		return r.parse(b[:n])
	}
	b := make([]byte, headerSize)
	if err := r.fill(b); err != nil {
		return nil, err
	}
	length, err := parseHeader(b)
	if err != nil {
		return nil, err
	}
	b = append(b, make([]byte, length)...)
	if err := r.fill(b[headerSize:]); err != nil {
		return nil, err
	}
	return r.parse(b)
}

// isPacket says whether the connection keeps messages apart. Then what is not read
// of one is lost; of a stream we must not read what belongs to the next.
func isPacket(c *net.UnixConn) (packets bool, err error) {
	err = control(c, func(fd int) error {
		kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
		packets = kind != unix.SOCK_STREAM
		return err
	})
	return packets, err
}

// Unknown is nobody's number, and what the kernel says where it does not know.
const Unknown = ^uint32(0)

// PeerUser is the user of the process that made the other end of a connection: that
// called connect, or listen, or made both. The kernel does not know it of datagrams
// that were not made as a pair; then it is Unknown.
func PeerUser(c *net.UnixConn) (uid uint32, err error) {
	err = control(c, func(fd int) error {
		peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err == nil {
			uid = peer.Uid
		}
		return err
	})
	return uid, err
}

func control(c *net.UnixConn, f func(fd int) error) (err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	e := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(e, err)
}

func (r *reader) fill(b []byte) error {
	for len(b) > 0 {
		n, err := r.some(b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// some reads once, and takes the descriptors that come along, however many.
func (r *reader) some(b []byte) (n int, err error) {
	control := make([]byte, unix.CmsgSpace(4*maxDescriptors)+unix.CmsgSpace(4)+unix.CmsgSpace(unix.SizeofUcred)+256)
	n, controls, flags, _, err := r.conn.ReadMsgUnix(b, control) // which sets MSG_CMSG_CLOEXEC
	check.Point("receive.some")
	e := r.take(control[:max(controls, 0)])
	started := r.got > 0
	r.got += max(n, 0)
	switch {
	case errors.Is(err, io.EOF) && started, err == nil && n == 0 && started:
		return 0, fmt.Errorf("the peer has closed the connection inside a message: %w", io.ErrUnexpectedEOF)
	case err == nil && n == 0:
		return 0, io.EOF
	case err != nil && started:
		return 0, fmt.Errorf("inside a message, after %d bytes: %w", r.got, err)
	case err != nil:
		return 0, err
	case e != nil:
		return 0, e
	case len(r.descriptors) > handleDescriptors:
		// At once: with each byte of a message could come as many again.
		return 0, errs.New(errs.ErrCorrupt, "the message brings %d descriptors, a handle has one or two", len(r.descriptors))
	case flags&unix.MSG_CTRUNC != 0:
		return 0, errs.New(errs.ErrCorrupt, "the message has lost descriptors: it brought too many, or this process has no more left (ulimit -n)")
	case flags&unix.MSG_TRUNC != 0:
		return 0, errs.New(errs.ErrCorrupt, "the message is longer than any that describes a handle")
	}
	return n, nil
}

// take remembers the descriptors in control data.
func (r *reader) take(control []byte) error {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return errs.Because(err, 0, errs.ErrCorrupt, "the message has control data that cannot be read")
	}
	for i := range messages {
		m := &messages[i]
		if m.Header.Level != unix.SOL_SOCKET || m.Header.Type != unix.SCM_RIGHTS && m.Header.Type != scmPidfd {
			continue
		}
		for b := m.Data; len(b) >= 4; b = b[4:] {
			r.descriptors = append(r.descriptors, int(int32(binary.NativeEndian.Uint32(b))))
		}
	}
	return nil
}

// scmPidfd brings a descriptor that only a socket with SO_PASSPIDFD gets. It is
// one too many.
const scmPidfd = 4

func parseHeader(b []byte) (length int, err error) {
	switch {
	case len(b) < headerSize || string(b[:len(messageMagic)]) != messageMagic:
		return 0, errs.New(errs.ErrCorrupt, "the peer sends something else than handles: %q", shorten(string(b)))
	case binary.LittleEndian.Uint32(b[8:]) != messageVersion:
		return 0, errs.New(errs.ErrVersion, "the peer sends messages of version %d, this program reads version %d; use programs built with the same version of Atoll", binary.LittleEndian.Uint32(b[8:]), messageVersion)
	}
	n := binary.LittleEndian.Uint32(b[12:])
	if n > maxLine {
		return 0, errs.New(errs.ErrCorrupt, "the message claims a line of %d bytes, more than any has", n)
	}
	return int(n), nil
}

// parse reads a whole message, and puts the descriptors where they belong.
func (r *reader) parse(b []byte) (*Handle, error) {
	length, err := parseHeader(b)
	if err != nil {
		return nil, err
	}
	if len(b) != headerSize+length {
		return nil, errs.New(errs.ErrCorrupt, "the message has %d bytes, its header says %d", len(b), headerSize+length)
	}
	h, err := parseLine(string(b[headerSize:]))
	if err != nil {
		return nil, fmt.Errorf("the message %w", err)
	}
	wanted := 1
	if h.Second.FD >= 0 {
		wanted = 2
	}
	if h.Object.FD != 0 || wanted == 2 && h.Second.FD != 1 || len(r.descriptors) != wanted {
		return nil, errs.New(errs.ErrCorrupt, "the message brings %d descriptors and describes %d, numbered %d and %d", len(r.descriptors), wanted, h.Object.FD, h.Second.FD)
	}
	h.Object.FD = r.descriptors[0]
	if wanted == 2 {
		h.Second.FD = r.descriptors[1]
	}
	return h, nil
}
