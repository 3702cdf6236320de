//go:build linux

package onlinux

import (
	"net"

	"atoll/internal/access"
	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/transfer"
)

// Send gives a handle to the process at the other end of a connection.
func Send(c *net.UnixConn, o Object, asked access.Request) error {
	uid, err := transfer.PeerUser(c)
	if err != nil {
		return err
	}
	h, release, err := pack(o, asked, uid)
	if err != nil {
		return err
	}
	defer release()
	defer h.Close()
	check.Point("send.packed")
	err = transfer.Send(c, h)
	check.Point("send.sent")
	return err
}

// Receive takes a handle from a connection. want is its type, 0 any.
func Receive(c *net.UnixConn, want layout.Type) (Object, error) {
	h, err := transfer.Receive(c)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	check.Point("receive.received")
	if err := wanted(h.Type, want); err != nil {
		return nil, err
	}
	o, err := adopt(h, true)
	check.Point("receive.adopted")
	return o, err
}

func wanted(typ, want layout.Type) error {
	if want != 0 && typ != want {
		return errs.New(errs.ErrWrongType, "the handle is of type %s, not %s", typ, want)
	}
	return nil
}

// NameOf is the name that a handle has which came without one.
func NameOf(o Object) string {
	p := o.parts()
	return p.inner.FullName()
}
