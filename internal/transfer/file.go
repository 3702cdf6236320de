//go:build linux

package transfer

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/lockfile"
)

// CloseDescriptor closes a descriptor so that nothing has its description any more
// when it returns, unless somebody else does: not even a process that Go has forked
// just now and that has not begun its program yet.
//
// What a peer has sent in place of a file of memory may keep a close for as long as
// the peer likes: a connection that lingers, a file of a file system of its own.
// Nobody waits for that, nor do those who start processes.
func CloseDescriptor(fd int) {
	if !closesAtOnce(fd) {
		discard(fd)
		return
	}
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	_ = unix.Close(fd)
}

// closesAtOnce says whether a descriptor is one of a file of memory or of a
// directory. It asks nobody but the kernel, where fstat would ask the file system.
func closesAtOnce(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return err != nil || flags&unix.O_DIRECTORY != 0 || InMemory(fd)
}

// InMemory says whether a descriptor is one of a file of memory, as only those have
// seals, tmpfs's among them.
func InMemory(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	return err == nil
}

// discarding bounds the threads that strange descriptors can keep.
var discarding = make(chan struct{}, 8)

// discard closes a strange descriptor, and returns before that if it takes long.
func discard(fd int) {
	const moment = 100 * time.Millisecond
	closed := make(chan struct{})
	go func() {
		discarding <- struct{}{}
		_ = unix.Close(fd)
		<-discarding
		close(closed)
	}()
	wait := time.NewTimer(moment)
	defer wait.Stop()
	select {
	case <-closed:
	case <-wait.C:
	}
}

// CloseFile is CloseDescriptor for a file of Go's.
func CloseFile(f *os.File) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	_ = f.Close()
}

// seize takes a file that was inherited: it has the descriptor closed in children.
// false: the descriptor does not lead there, and is somebody else's.
func (f File) seize() bool {
	if f.FD < 0 {
		return true
	}
	if !f.leads() {
		return false
	}
	unix.CloseOnExec(f.FD)
	return true
}

// seize takes the descriptors of a handle that was inherited, so that no child
// inherits them in turn. false: they are not what the handle says, and were left
// alone.
func (h *Handle) seize() bool { return h.Object.seize() && h.Second.seize() }

// Close closes the descriptor, if there is one.
func (f File) Close() {
	if f.FD >= 0 {
		CloseDescriptor(f.FD)
	}
}

// Check compares a descriptor with what is claimed of it: an ordinary file, or a
// folder, the very one, and open for reading or for reading and writing, nothing
// else. It says whether it can write.
//
// # Errors
//
// ErrCorrupt: the text says what was found.
func (f File) Check(kind uint32) (writable bool, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(f.FD, &st); err != nil {
		return false, errs.Because(err, 0, errs.ErrCorrupt, "descriptor %d is none", f.FD)
	}
	flags, err := unix.FcntlInt(uintptr(f.FD), unix.F_GETFL, 0)
	mode := flags & unix.O_ACCMODE
	switch {
	case err != nil:
		return false, err
	case st.Mode&unix.S_IFMT != kind:
		return false, errs.New(errs.ErrCorrupt, "a descriptor is of the kind %#o, not %#o", st.Mode&unix.S_IFMT, kind)
	case lockfile.IdentityOf(&st) != f.ID:
		return false, errs.New(errs.ErrCorrupt, "a descriptor leads to the file %d:%d, not to %d:%d", st.Dev, st.Ino, f.ID.Dev, f.ID.Ino)
	case flags&unix.O_PATH != 0 || mode != unix.O_RDONLY && mode != unix.O_RDWR:
		return false, errs.New(errs.ErrCorrupt, "a descriptor has the mode %#x, which is not for reading", flags)
	}
	return mode == unix.O_RDWR, nil
}

// leads says whether the descriptor leads to the file.
func (f File) leads() bool {
	var st unix.Stat_t
	return unix.Fstat(f.FD, &st) == nil && lockfile.IdentityOf(&st) == f.ID
}
