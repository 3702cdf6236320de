//go:build linux

package kernel32

import (
	"time"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/port"
	"atoll/internal/winprocess"
)

type portObject struct{ *port.Port }

func (o portObject) retire() { o.Close() }

func (o portObject) close() {}

func (o portObject) same(other object) bool { return other == object(o) }

func (o portObject) duplicate(asked access.Request, granted access.Mask) (object, access.Mask, error) {
	rights, err := asked.Regrant(access.Subject{Kind: access.Port, Writable: true}, granted)
	if err == nil && !o.Again() {
		err = errInvalidHandle
	}
	return o, rights, err
}

func init() { port.Abnormal = abnormal }

// abnormal says whether a process, to which there are handles, ended by an exception.
func abnormal(pid int) bool {
	p := winprocess.Known(pid)
	if p == nil {
		return false
	}
	defer p.Release()
	if ended, err := p.Ready(); err != nil || !ended {
		return false
	}
	code, err := p.ExitCode()
	return err == nil && code >= 0xC0000000
}

const allOfPort access.Mask = 0x1F0003

// CreateIoCompletionPort makes a port. Files have none here.
func CreateIoCompletionPort(file, existing Handle) (Handle, error) {
	const none = ^Handle(0)
	switch {
	case file != none:
		return 0, errs.Numbered(errs.NotSupported, nil, "files are read and written at once, and tell no port")
	case existing != 0:
		return 0, errs.Numbered(errs.InvalidParameter, nil, "there is a port, and no file")
	}
	return insert(portObject{port.New()}, access.Port, allOfPort, 0)
}

// PostQueuedCompletionStatus puts a packet into a port.
func PostQueuedCompletionStatus(h Handle, packet port.Packet) error {
	o, e, err := use[portObject](h, access.Modify)
	if err != nil {
		return err
	}
	defer e.leave()
	o.Post(packet)
	return nil
}

// errorAbandonedWait says that the port was closed meanwhile.
const errorAbandonedWait = 735

// GetQueuedCompletionStatus takes a packet out of a port, or waits for one.
func GetQueuedCompletionStatus(h Handle, milliseconds uint32) (port.Packet, error) {
	o, e, err := use[portObject](h, access.Modify)
	if err != nil {
		return port.Packet{}, err
	}
	defer e.leave()
	timeout := port.Forever
	if milliseconds != Infinite {
		timeout = time.Duration(milliseconds) * time.Millisecond
	}
	packet, result := o.Get(timeout)
	switch result {
	case port.TimedOut:
		return packet, errs.Numbered(WaitTimeout, nil, "no packet came")
	case port.Closed:
		return packet, errs.Numbered(errorAbandonedWait, nil, "the port was closed")
	case port.Got:
	}
	return packet, nil
}
