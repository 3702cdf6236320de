//go:build linux

package parley

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/namespace"
)

// addresses is how many a process tries: somebody else may have taken some, to be in
// its way.
const addresses = 8

// address is where the process pid is asked: a name that is in no directory, and goes
// with who has it. It tells processes of different pid namespaces apart.
func address(space uint64, pid, attempt int) *net.UnixAddr {
	return &net.UnixAddr{Net: "unixpacket", Name: fmt.Sprintf(addressPrefix+"%d-%d", space, pid, attempt)}
}

const addressPrefix = "@atoll-win32-%d-"

// pidSpace is the pid namespace of a process.
func pidSpace(pid string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/"+pid+"/ns/pid", &st); err != nil {
		return 0, err
	}
	return st.Ino, nil
}

// Listen has this process asked: answer is called with each connection of a process
// that may ask, in a goroutine of its own, and must close it.
//
// # Errors
//
// fs.ErrExist: others have taken all the addresses of this process.
func Listen(answer func(*net.UnixConn)) (stop func(), err error) {
	space, err := pidSpace("self")
	if err != nil {
		return nil, err
	}
	for attempt := range addresses {
		l, err := net.ListenUnix("unixpacket", address(space, os.Getpid(), attempt))
		if errors.Is(err, unix.EADDRINUSE) {
			continue
		}
		if err != nil {
			return nil, err
		}
		go accept(l, answer)
		return func() { _ = l.Close() }, nil
	}
	return nil, errs.New(fs.ErrExist, "other processes listen at all addresses of process %d", os.Getpid())
}

// asking is how many may ask at once.
const asking = 64

func accept(l *net.UnixListener, answer func(*net.UnixConn)) {
	places := make(chan struct{}, asking)
	for {
		places <- struct{}{}
		c, err := l.AcceptUnix()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // no descriptor left: others may be closed meanwhile
			time.Sleep(10 * time.Millisecond) //nolint:forbidigo // rare, and there is nothing to wait for
			<-places
			continue
		}
		if peer, err := peerOf(c); err != nil || !trusted(peer) {
			_ = c.Close()
			<-places
			continue
		}
		go func() {
			defer func() { <-places }()
			answer(c)
		}()
	}
}

// trusted says whether a process may ask, or be asked: one of this user, or root's. All
// users that a user namespace does not know look like one in it.
func trusted(peer *unix.Ucred) bool {
	return (peer.Uid == uint32(os.Geteuid()) || peer.Uid == 0) && namespace.Mapped("uid", peer.Uid)
}

func peerOf(c *net.UnixConn) (peer *unix.Ucred, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	e := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return peer, errors.Join(e, err)
}

// Dial connects with a process that has called Listen. The caller has a descriptor of
// that process, and must look afterwards whether it still runs: then nobody else has
// its number.
//
// # Errors
//
// fs.ErrNotExist: it does not listen. fs.ErrPermission: it is another user's, or
// another process listens in its place. ErrStuck: it is stopped, or overrun. What
// keeps this process from asking anybody, as no descriptor left for it.
func Dial(pid int) (*net.UnixConn, error) {
	space, err := pidSpace(strconv.Itoa(pid))
	if err != nil { // not to be seen; most likely it is in this one
		if space, err = pidSpace("self"); err != nil {
			return nil, err
		}
	}
	strangers, full := false, error(nil)
	for attempt := range addresses {
		c, err := net.DialUnix("unixpacket", nil, address(space, pid, attempt))
		switch {
		case errors.Is(err, unix.ECONNREFUSED): // nobody listens there
			continue
		case errors.Is(err, unix.EAGAIN): // it, or a stranger who is in its way
			full = err
			continue
		case err != nil:
			return nil, err
		}
		peer, err := peerOf(c)
		if err == nil && int(peer.Pid) == pid && mayAsk(peer) {
			return c, nil
		}
		strangers = true
		_ = c.Close()
	}
	if full != nil {
		return nil, errs.Because(full, 0, errs.ErrStuck, "process %d is asked by many, and does not answer", pid)
	}
	if strangers {
		return nil, errs.New(fs.ErrPermission, "process %d is another user's, or others listen in its place", pid)
	}
	return nil, errs.New(fs.ErrNotExist, "process %d does not use package win32, or has not begun to, or is in another network namespace", pid)
}

// Peers are the other processes of this pid namespace that seem to listen.
func Peers() (pids []int) {
	space, err := pidSpace("self")
	if err != nil {
		return nil
	}
	text, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return nil
	}
	prefix := fmt.Sprintf(addressPrefix, space)
	for line := range strings.Lines(string(text)) {
		_, rest, found := strings.Cut(line, " "+prefix)
		number, _, _ := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(number)
		if found && err == nil && pid > 0 && pid != os.Getpid() && !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// mayAsk is trusted as root sees it, who asks everybody.
func mayAsk(peer *unix.Ucred) bool { return trusted(peer) || os.Geteuid() == 0 }
