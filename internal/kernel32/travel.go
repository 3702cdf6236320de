//go:build linux

package kernel32

import (
	"net"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/onlinux"
	"atoll/internal/parley"
)

// traveller is an object of which another process can have a handle. Those of package
// onlinux travel by its own means.
type traveller interface {
	// pack gives what of it travels: a few descriptors, which the caller closes, and a
	// text, short of parley.MaxText.
	pack() (descriptors []int, text string, err error)
}

// unpackers are the inverse of pack, by the kinds of objects. They take over the
// descriptors, also if they fail, and believe nothing that they have not seen.
var unpackers = map[access.Kind]func(descriptors []int, text string) (object, error){}

// ofKernel is an object of package onlinux.
type ofKernel interface{ kernel() onlinux.Object }

// dispatch sends a handle like e, with a note that says so, and keeps e.
func dispatch(c *net.UnixConn, op parley.Op, h Handle, e *entry) error {
	note := parley.Note{
		Op: op, Handle: uint64(h), Kind: uint32(e.kind), Access: uint32(e.granted), Flags: e.flags.Load(),
	}
	switch o := e.object.(type) {
	case ofKernel:
		if err := parley.Send(c, &note); err != nil {
			return err
		}
		return onlinux.Send(c, o.kernel(), access.Request{})
	case traveller:
		var err error
		if note.Descriptors, note.Text, err = o.pack(); err != nil {
			return err
		}
		defer note.Discard()
		return parley.Send(c, &note)
	}
	return errs.Numbered(errs.NotSupported, nil, "a %s stays in its process", e.kind)
}

// accept makes an entry of what dispatch has sent, whose note has come.
func accept(c *net.UnixConn, note *parley.Note) (*entry, error) {
	kind, granted := access.Kind(note.Kind), access.Mask(note.Access)
	flags := note.Flags & (Inherit | ProtectFromClose)
	if kind <= access.Job {
		note.Discard()
		o, err := onlinux.Receive(c, 0)
		if err != nil {
			return nil, err
		}
		return newEntry(objectOf(o), access.Kind(o.Header().Type), o.Rights(), flags), nil
	}
	unpack := unpackers[kind]
	request := access.Request{Access: granted}
	if unpack == nil || request.Valid(kind) != nil || granted != granted.Specific(kind)&^access.MaximumAllowed {
		note.Discard()
		return nil, errs.New(errs.ErrCorrupt, "a handle of the kind %d and with the access %#x has come", kind, granted)
	}
	descriptors := note.Descriptors
	note.Descriptors = nil
	o, err := unpack(descriptors, note.Text)
	if err != nil {
		return nil, err
	}
	return newEntry(o, kind, granted, flags), nil
}
