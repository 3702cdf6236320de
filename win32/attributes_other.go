//go:build !windows

package win32

import (
	"slices"
	"unsafe"
)

// ProcThreadAttributeList are attributes for [CreateProcess].
type ProcThreadAttributeList struct {
	maximum uint32
	lists   map[uintptr][]Handle // by the attribute
}

// ProcThreadAttributeListContainer makes a [ProcThreadAttributeList].
type ProcThreadAttributeListContainer struct{ list *ProcThreadAttributeList }

func newProcThreadAttributeList(maximum uint32) (*ProcThreadAttributeListContainer, error) {
	return &ProcThreadAttributeListContainer{&ProcThreadAttributeList{maximum, make(map[uintptr][]Handle)}}, nil
}

// Update sets an attribute; see [NewProcThreadAttributeList].
func (c *ProcThreadAttributeListContainer) Update(attribute uintptr, value unsafe.Pointer, size uintptr) error {
	if attribute != PROC_THREAD_ATTRIBUTE_HANDLE_LIST && attribute != PROC_THREAD_ATTRIBUTE_JOB_LIST {
		return ERROR_NOT_SUPPORTED
	}
	const one = unsafe.Sizeof(Handle(0))
	if size == 0 || size%one != 0 {
		return ERROR_BAD_LENGTH
	}
	_, set := c.list.lists[attribute]
	switch {
	case set:
		return ERROR_OBJECT_NAME_EXISTS
	case len(c.list.lists) >= int(c.list.maximum):
		return ERROR_GEN_FAILURE
	case value == nil:
		return ERROR_NOACCESS
	}
	c.list.lists[attribute] = slices.Clone(unsafe.Slice((*Handle)(value), size/one))
	return nil
}

// List is what [StartupInfoEx] takes.
func (c *ProcThreadAttributeListContainer) List() *ProcThreadAttributeList { return c.list }

// Delete ends the list.
func (c *ProcThreadAttributeListContainer) Delete() { c.list = nil }
