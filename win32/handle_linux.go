package win32

import (
	"unsafe"

	"atoll/internal/access"
	"atoll/internal/kernel32"
)

func closeHandle(handle Handle) error { return errno(kernel32.CloseHandle(kernel32.Handle(handle))) }

func duplicateHandle(sourceProcess, source, targetProcess Handle, target *Handle, asked uint32, inheritHandle bool, options uint32) error {
	return errno(kernel32.DuplicateHandle(kernel32.Handle(sourceProcess), kernel32.Handle(source), kernel32.Handle(targetProcess),
		(*kernel32.Handle)(target), access.Mask(asked), inheritHandle, options))
}

func getHandleInformation(handle Handle, flags *uint32) error {
	return tell(flags, func() (uint32, error) { return kernel32.HandleInformation(kernel32.Handle(handle)) })
}

func setHandleInformation(handle Handle, mask, flags uint32) error {
	return errno(kernel32.SetHandleInformation(kernel32.Handle(handle), mask, flags))
}

func compareObjectHandles(first, second Handle) error {
	return errno(kernel32.CompareObjectHandles(kernel32.Handle(first), kernel32.Handle(second)))
}

func ntQueryObject(handle Handle, class int32, information uintptr, length uint32, returned *uint32) error {
	if class != ObjectBasicInformation {
		return ERROR_INVALID_PARAMETER
	}
	const size = uint32(unsafe.Sizeof(OBJECT_BASIC_INFORMATION{}))
	if returned != nil {
		*returned = size
	}
	if length != size {
		return ERROR_BAD_LENGTH
	}
	i, err := kernel32.ObjectInformation(kernel32.Handle(handle))
	if err != nil {
		return errno(err)
	}
	return touching(func() {
		*deref[OBJECT_BASIC_INFORMATION](information) = OBJECT_BASIC_INFORMATION{
			Attributes: i.Attributes, GrantedAccess: i.GrantedAccess, HandleCount: i.HandleCount, PointerCount: i.HandleCount,
		}
	})
}
