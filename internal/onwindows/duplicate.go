//go:build windows

package onwindows

import (
	"golang.org/x/sys/windows"

	"atoll/internal/access"
	"atoll/internal/errs"
)

// duplicateRaw makes another handle in this process.
func duplicateRaw(raw windows.Handle, rights access.Mask, options uint32) (again windows.Handle, err error) {
	self := windows.CurrentProcess()
	err = windows.DuplicateHandle(self, raw, self, &again, uint32(rights), false, options)
	return again, failed("DuplicateHandle", err)
}

// Same says whether both are handles of one object, and open.
func Same(a, b Object) bool {
	x, y := a.base(), b.base()
	if x.begin(0) != nil {
		return false
	}
	defer x.Leave()
	if y.begin(0) != nil {
		return false
	}
	defer y.Leave()
	return compareObjectHandles(x.raw, y.raw)
}

// Duplicate makes another handle of the object; asked Access 0 gives it the same rights.
func Duplicate(o Object, asked access.Request) (Object, error) {
	h := o.base()
	if err := h.begin(0); err != nil {
		return nil, err
	}
	defer h.Leave()
	rights, options := h.rights, uint32(windows.DUPLICATE_SAME_ACCESS)
	if asked.Access != 0 {
		if err := asked.Valid(h.kind); err != nil {
			return nil, err
		}
		rights, options = asked.Access.Specific(h.kind), 0
	}
	raw, err := duplicateRaw(h.raw, rights, options)
	if err != nil {
		return nil, err
	}
	return again(o, newHandle(raw, h.kind, rights))
}

// again is a handle of the type that o has.
func again(o Object, h *handle) (Object, error) {
	switch o := o.(type) {
	case *Mutex:
		return &Mutex{handle: h}, nil
	case *Event:
		return &Event{plain{h}}, nil
	case *Semaphore:
		return &Semaphore{plain{h}}, nil
	case *Timer:
		return &Timer{plain{h}}, nil
	case *Section:
		s := &Section{handle: h, size: o.size, attributes: o.attributes, protection: o.protection}
		if o.file != 0 {
			var err error
			if s.file, err = duplicateRaw(o.file, 0, windows.DUPLICATE_SAME_ACCESS); err != nil {
				_ = windows.CloseHandle(h.raw)
				return nil, err
			}
		}
		return s, nil
	}
	_ = windows.CloseHandle(h.raw)
	return nil, errs.New(errs.ErrWrongType, "a handle of no known type")
}
