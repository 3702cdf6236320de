//go:build linux

package onlinux

import (
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/backing"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/liveness"
	"atoll/internal/lockfile"
	"atoll/internal/namespace"
	"atoll/internal/space"
	"atoll/internal/wait"
)

// attachment is one synchronisation object as this process sees it: its cell,
// mapped, and the place in its queue, for all handles of the process together.
//
// It keeps its page mapped as long as anything refers to it, not until Close: so the
// fast paths need no count of who is just using it.
type attachment struct {
	wait.Slot
	page  *statePage
	me    uint32
	owner atomic.Uint64 // mutex: the handle or thread that owns it; see mutex.go
	// giving keeps Close of a handle and a Lock through it from giving the mutex
	// up twice.
	giving    sync.Mutex
	mutexes   int                        // under giving: how many handles it has had
	sole      *Mutex                     // under giving: the only handle, if its fast paths are on
	abandoned atomic.Bool                // mutex: some handle of this process has abandoned it
	levels    uint32                     // mutex: how often its owner has it, which is a thread
	left      atomic.Pointer[syncHandle] // mutex: was closed while a thread owned it
	counting  sync.Mutex
	handles   int // under counting
	retired   int // how many of them are; under retired
}

// mapState maps the first page of an object's file.
func mapState(o *namespace.Object, kind layout.Kind) (page *statePage, state wait.Object, err error) {
	state = wait.Object{
		Kind: kind, Limit: o.Header.Limit, ID: o.ID, ReadOnly: !o.Writable,
		Readers: o.Header.Has(layout.FlagReaders), Writers: othersWhoWrite(o),
	}
	state.Private = o.Named() && state.Writers == nil
	if !o.Writable && wait.ReaderMayWait(kind) && !state.Readers {
		return nil, state, errs.New(fs.ErrPermission, "this process has its file for reading only, and it was created for nobody who may only read it: those who change it wake no reader; create it with a Security that lets somebody read")
	}
	if page, err = pageOf(o); err != nil {
		return nil, state, err
	}
	state.Page = layout.PageOf(unsafe.Add(page.at, layout.StateOffset))
	return page, state, nil
}

// othersWhoWrite says which other users may write an object's file, and so truncate
// it; nil if there are none. The rights of an ACL are in the group's bits, too.
// Nobody can truncate what is sealed, as objects without a name are.
//
// It is asked once. Atoll changes no mode later, nor gives a descriptor that can
// write to who may not open one; the owner who does that by hand trusts them.
func othersWhoWrite(o *namespace.Object) *wait.Writers {
	mine := o.Own && namespace.Mapped("uid", o.UID)
	if mine && o.Mode&0o022 == 0 {
		return nil
	}
	// Another's may be of large pages, which can run out under a hole in the file.
	if seals, err := unix.FcntlInt(uintptr(o.FD), unix.F_GET_SEALS, 0); mine && err == nil && seals&unix.F_SEAL_SHRINK != 0 {
		return nil
	}
	return &wait.Writers{UID: o.UID, Mode: o.Mode}
}

// attach returns the process's attachment to an object.
func attach(o *namespace.Object, kind layout.Kind, me uint32, members *liveness.Folder) (*attachment, error) {
	shared, err := o.Shared(func() (any, error) {
		if a := lingering(o); a != nil {
			return a, nil
		}
		page, state, err := mapState(o, kind)
		if err != nil {
			return nil, err
		}
		a := &attachment{me: me, page: page}
		a.Init(state, me, members)
		return a, nil
	})
	if err != nil {
		return nil, err
	}
	a := shared.(*attachment)
	a.enter()
	return a, nil
}

// syncHandle is a handle of a synchronisation object.
type syncHandle struct {
	*handle
	att     *attachment
	space   *space.Space
	retired bool
}

// syncPlan says how to make a synchronisation object.
func syncPlan(spec syncSpec, me uint32) space.Plan {
	word := spec.word(me)
	return space.Plan{Header: spec.header, Security: spec.asked.Security, Build: func(fd int, h layout.Header) error {
		b := make([]byte, h.FileSize())
		copy(b, h.Encode())
		layout.PutState(b, layout.MakeState(word, 0))
		if err := lockfile.Fill(fd, b); err != nil {
			return backing.NoSpace(err, int64(len(b)))
		}
		if spec.finish == nil {
			return nil
		}
		return spec.finish(fd, h)
	}}
}

// syncSpec is what synchronisation objects have in common when they are opened.
type syncSpec struct {
	header layout.Header
	asked  access.Request                      // Access 0: the usual
	word   func(me uint32) uint32              // of a new object
	finish func(fd int, h layout.Header) error // writes what a new one has besides; may be nil
}

// openSync creates or opens a synchronisation object.
func openSync(name string, intent Intent, spec syncSpec) (h *syncHandle, created bool, err error) {
	h, created, err = openSyncOnce(name, intent, spec)
	if err != nil && reclaimed(err) {
		h, created, err = openSyncOnce(name, intent, spec)
	}
	return h, created, backing.Exhausted(err)
}

func openSyncOnce(name string, intent Intent, spec syncSpec) (h *syncHandle, created bool, err error) {
	if intent != MustOpen {
		if err := spec.asked.Valid(access.Kind(spec.header.Type)); err != nil {
			return nil, false, err
		}
	}
	t, err := space.Resolve(name, intent)
	if err == nil && t.Unnamed {
		// Its waiters and owners are members somewhere, too.
		t.Space, err = space.Of(namespace.Local)
	}
	defer t.Release()
	if err != nil {
		return nil, false, err
	}
	h, err = makeSync(t.Space, func(me uint32) (o *namespace.Object, rights access.Mask, err error) {
		if o, created, err = t.Obtain(intent, syncPlan(spec, me)); err != nil {
			return nil, 0, err
		}
		if rights, err = spec.asked.Grant(subject(o, created)); err != nil {
			return nil, 0, errors.Join(err, o.DropHandle())
		}
		return o, rights, nil
	}, func(o *namespace.Object) {
		if created {
			// Others may have opened it, and it may say that this process owns it.
			_ = lockfile.WriteAt(o.FD, make([]byte, unsafe.Sizeof(layout.Cell{})), layout.StateOffset)
		}
	})
	return h, created, err
}

// makeSync makes a handle of the object that obtain gets for it, with one count
// of handles and rights, once this process is a member. undo is called if it cannot
// be used.
func makeSync(s *space.Space, obtain func(me uint32) (*namespace.Object, access.Mask, error), undo func(*namespace.Object)) (*syncHandle, error) {
	h := &syncHandle{space: s, handle: &handle{done: make(chan struct{})}}
	me, err := s.Join()
	if err != nil {
		return nil, err
	}
	h.inner, h.rights, err = obtain(me)
	if err != nil {
		return nil, errors.Join(err, s.Leave())
	}
	kind, _ := h.inner.Header.Kind()
	h.att, err = attach(h.inner, kind, me, s.Members)
	if o := subject(h.inner, false); err == nil && h.rights&o.Writes() != 0 {
		err = h.att.MayChange()
	}
	if err != nil {
		undo(h.inner)
		return nil, errors.Join(err, h.shutSync())
	}
	return h, nil
}

// Waiting says how many goroutines of this process wait for the object.
func (h *syncHandle) Waiting() int { return h.att.Waiting() }

// shutSync closes what openSync opened.
func (h *syncHandle) shutSync() error {
	if h.att != nil {
		h.att.leave()
	}
	if h.retired {
		return h.letGo(h.dropRetired)
	}
	return h.letGo(h.inner.DropHandle)
}

// letGo gives back, with drop, what holds the object, and with it a use of the
// membership: the object's state may name this process as long as it holds it.
func (h *syncHandle) letGo(drop func() error) error {
	err := drop()
	if h.att != nil && h.inner.LeftToOthers() {
		h.att.page.keep()
		if h.att.abandoned.Load() {
			h.space.Stay()
		}
	}
	return errors.Join(err, h.space.Leave())
}

// Previous says who abandoned a mutex, as far as that is known.
type Previous struct {
	PID     int
	Command string
	Since   time.Time
}

// previous describes the member that an outcome names.
func (h *syncHandle) previous(out wait.Outcome) *Previous {
	if !out.Abandoned {
		return nil
	}
	p := &Previous{Since: time.Now()}
	if info, err := h.space.Members.Describe(out.By); err == nil {
		p.PID, p.Command = info.PID, info.Command
	}
	return p
}
