package atoll

import (
	"errors"
	"net"
	"os/exec"

	"atoll/internal/access"
	"atoll/internal/layout"
)

// Start starts cmd, as cmd.Start does, and gives the new process a handle of its
// own of each object in inherit: with the access that the handle here has
// (Duplicate makes one with less), of whatever type, with a name or without. The
// child takes them by their keys, with Inherited; a child that is no Go program
// finds them as docs/FORMAT.md says. Nothing else of Atoll's is inherited, by any
// child.
//
// The child holds the objects from its birth, whether it asks for them or not, until
// it closes what it took or ends. Ownership of a mutex is not inherited, nor are
// views.
//
// The handles go to the child as descriptors behind cmd.ExtraFiles, and as the
// environment variable ATOLL_HANDLES, which Start adds to cmd.Env (or to the
// caller's environment if that is nil), in place of the caller's own if there is
// one. cmd.Env and cmd.ExtraFiles are as before when Start returns, and the
// descriptors for the child are closed here, also if it fails. In total the keys
// and what belongs to them must fit into 128 KiB, which is enough for about a
// thousand handles; Send has no such limit.
//
// If the child runs as another user, it gets what it could receive with Receive.
//
// # Errors
//
// Those of cmd.Start. os.ErrClosed: a handle is closed. fs.ErrInvalid (6): one is
// nil; (87): a key is empty or not UTF-8. fs.ErrPermission: a handle cannot be
// passed on, because it came from another user, because it goes to one who may
// not write the file of the object and so could spoil it for all, or because it is
// not of a section, has no name, and goes to another user; the text says which.
// ErrStuck: an object without a name could not set out, because a stopped process is
// sweeping. The number 8: too many handles for one environment variable; 4: no
// descriptor left. Then no process was started.
//
// Source: https://learn.microsoft.com/windows/win32/procthread/inheritance
func Start(cmd *exec.Cmd, inherit map[string]Object) error {
	kernel := make(map[string]kernelObject, len(inherit))
	for key, o := range inherit {
		if isNil(o) {
			return fail("start", 0, key, errNilObject)
		}
		kernel[key] = o.object()
	}
	return fail("start", 0, "", kernelStart(cmd, kernel))
}

// Inherited takes the handle that this process has inherited under key, from a
// Start of its parent. Each can be taken once; afterwards it is a handle like any
// other, with the name that it has in this process.
//
// # Errors
//
// fs.ErrNotExist: no handle has this key; the text lists those that have come. Or
// this process has inherited the environment variable, but not the descriptors,
// because its parent passed on its own environment without Start. os.ErrClosed: it
// was taken before. ErrWrongType: the object is not a T; it can still be taken as
// what it is. ErrCorrupt, ErrVersion: what has come is not what Start passes on. Or
// as Receive.
//
// Source: https://learn.microsoft.com/windows/win32/procthread/inheritance
func Inherited[T Object](key string) (t T, err error) {
	k, err := kernelInherited(key, layout.Type(typeOf[T]()))
	if err != nil {
		return t, fail("inherit", typeOf[T](), key, err)
	}
	return handleAs[T]("inherit", kernelNameOf(k), k)
}

// Send makes another handle of the object behind o, for the process at the other
// end of c, which takes it with Receive. access is what it may do, as Duplicate has
// it. It waits while the connection is full, until its write deadline.
//
// The handle on its way keeps the object alive. If the peer ends before it has
// received it, or nobody ever reads it and both ends are closed, the handle is gone,
// and nothing stays behind.
//
// Any kind of Unix socket will do. A handle is a message of its own, and Receive
// reads no byte more, so that a stream may carry other things before and after it,
// if both sides know when a handle comes. Only one goroutine at a time may write to a
// stream.
//
// A peer of another user gets no more than a descriptor can do: of a section that is
// sent for reading it cannot get write access, in no way. A process of the same user
// can open whatever its user may. See docs/PLATFORMS.md.
//
// # Errors
//
// Those of the connection, os.ErrDeadlineExceeded among them; a stream of which a
// part was written is of no use any more: close it. fs.ErrPermission (5): more
// access than o and the object allow, or than the type has; or o cannot be passed on,
// as with Start, to the user at the other end, as the connection shows who that is: who
// made it. Of datagrams that are no pair it does not, so that is nobody. fs.ErrInvalid (6): o or c is nil. os.ErrClosed: o is closed.
// ErrStuck: as Start. The number 4: no descriptor left, or too many of this user's are
// on their way.
//
// Source: https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-duplicatehandle
func Send(c *net.UnixConn, o Object, access Access) error {
	return send("send", c, o, access)
}

func send(op string, c *net.UnixConn, o Object, asked Access) error {
	if isNil(o) {
		return fail(op, 0, "", errNilObject)
	}
	if c == nil {
		return fail(op, o.Type(), o.Name(), errNilConnection)
	}
	return fail(op, o.Type(), o.Name(), kernelSend(c, o.object(), request(access.Kind(o.Type()), asked, nil)))
}

// Move is Send, and closes o, also if sending fails, as DUPLICATE_CLOSE_SOURCE does:
// if o owns a mutex, that is abandoned.
//
// # Errors
//
// Those of Send, and of Close.
//
// Source: https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-duplicatehandle
func Move(c *net.UnixConn, o Object, access Access) error {
	err := send("move", c, o, access)
	if isNil(o) {
		return err
	}
	return errors.Join(err, o.Close())
}

// Receive takes a handle from a connection, which the peer has sent with Send or
// Move, and waits for it, until the connection's read deadline. Receive[Object] takes
// one of any type.
//
// Nothing that the peer says is believed: the descriptors are compared with what is
// said of them, and with the object. All that came with a message is closed if it is
// refused. The name of the handle is the one by which this process can open the
// object; an object that lies in a directory of another user has the name that it has
// there.
//
// Where this process may open the object's file it does, with a description of its
// own, so that nobody else can let go of the object for it. Where another user's
// object may not be opened (the default mode is 0600) it goes on with the description
// that came, which is as good if the sender uses this package.
//
// # Errors
//
// io.EOF: the peer closed the connection, and no message had begun;
// io.ErrUnexpectedEOF: one had. os.ErrDeadlineExceeded, and what else the connection
// has. ErrWrongType: the handle is not a T; it is closed. ErrCorrupt: the peer has
// sent something else than a handle, or one that is not what it says. ErrVersion: it
// uses another version of Atoll. After io.ErrUnexpectedEOF, ErrCorrupt or ErrVersion,
// and after a deadline if the text says that a part of a message had come, a stream is
// of no use any more: close it.
//
// fs.ErrPermission: it is an object to wait for, and this process cannot see who waits
// there: one of another user's Local directory, or without a name; use Global or a
// private namespace. fs.ErrNotExist: the object is gone, although its handle has come:
// somebody has unlocked or removed its file. The number 4: no descriptor left.
//
// Source: https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-duplicatehandle
func Receive[T Object](c *net.UnixConn) (t T, err error) {
	if c == nil {
		return t, fail("receive", typeOf[T](), "", errNilConnection)
	}
	k, err := kernelReceive(c, layout.Type(typeOf[T]()))
	if err != nil {
		return t, fail("receive", typeOf[T](), "", err)
	}
	return handleAs[T]("receive", kernelNameOf(k), k)
}

// DuplicateFrom makes a handle of an object of another process, which need not do
// anything for it, and does not notice. handle is what Descriptor returns there. The
// system allows it to those who may trace that process. access is what the new handle
// may do; 0 is what is usual for the type, as with Open: what the handle there may do
// cannot be seen from here.
//
// # Errors
//
// fs.ErrPermission: this process may not trace that one, the text says why; or more
// access than the descriptor allows. fs.ErrNotExist: there is no such process.
// fs.ErrInvalid (6): it has no such descriptor. ErrCorrupt with the number 6: the
// descriptor is no handle. ErrWrongType: the object is not a T. errors.ErrUnsupported:
// the kernel is older than 5.6, or a container forbids it. Otherwise as Receive.
//
// Source: https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-duplicatehandle
func DuplicateFrom[T Object](pid int, handle uintptr, access Access) (t T, err error) {
	k, err := duplicateFrom(pid, handle, access, typeOf[T]())
	if err != nil {
		return t, fail("duplicate", typeOf[T](), "", err)
	}
	return handleAs[T]("duplicate", kernelNameOf(k), k)
}

func duplicateFrom(pid int, handle uintptr, asked Access, want Type) (kernelObject, error) {
	return kernelDuplicateFrom(pid, handle, func(k access.Kind) access.Request { return request(k, asked, nil) }, layout.Type(want))
}
