//go:build linux

package onlinux

import (
	"errors"
	"sync"

	"atoll/internal/lockfile"
	"atoll/internal/namespace"
)

// A handle that is retired is none any more: it keeps neither the name nor the count
// of handles, as on Windows when a handle is closed. But what is inside it goes on,
// until Close. So it keeps the memory, as a view does, and the membership, because
// the object's state may name this process.
//
// Meanwhile the object can be opened again by its name, if other processes have it.
// The process must have one place in its queue all the same, so an object that is
// found anew shares the attachment of what was retired.
var retired = struct {
	sync.Mutex
	attachments map[attachmentKey]*attachment
}{attachments: map[attachmentKey]*attachment{}}

// attachmentKey tells attachments apart, as namespace does descriptions. A file's
// number is not used again while its memory is kept.
type attachmentKey struct {
	id       lockfile.Identity
	writable bool
}

func keyOf(o *namespace.Object) attachmentKey { return attachmentKey{o.ID, o.Writable} }

// Retire ends what lasts only as long as the handle. Who waits through it goes on
// undisturbed. Close must follow when nobody is inside any more.
func (h *syncHandle) Retire() error {
	if h.retired {
		return nil
	}
	if err := h.inner.AddView(); err != nil {
		return err // Close does all
	}
	h.retired = true
	h.att.linger(keyOf(h.inner), 1)
	return h.inner.DropHandle()
}

// Retire closes the handle: no call lasts inside it.
func (s *Section) Retire() error { return s.Close() }

// Retire is the syncHandle's, and ends what else keeps a job. One whose guard cannot
// be made sure of must be closed all the same.
func (j *Job) Retire() error {
	return errors.Join(j.Inside.Retiring(), j.syncHandle.Retire())
}

// dropRetired is DropHandle for one that is retired.
func (h *syncHandle) dropRetired() error {
	h.att.linger(keyOf(h.inner), -1)
	return h.inner.DropView()
}

// linger counts the retired handles of an attachment.
func (a *attachment) linger(k attachmentKey, n int) {
	retired.Lock()
	defer retired.Unlock()
	a.retired += n
	if a.retired == 0 {
		delete(retired.attachments, k)
		return
	}
	retired.attachments[k] = a
}

// lingering is the attachment of an object's handles that are retired; nil if there
// are none.
func lingering(o *namespace.Object) *attachment {
	retired.Lock()
	defer retired.Unlock()
	return retired.attachments[keyOf(o)]
}
