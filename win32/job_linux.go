package win32

import (
	"unsafe"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/kernel32"
)

func createJobObject(attributes *SecurityAttributes, name string) (Handle, error) {
	return made(kernel32.CreateJobObject(attributes.linux(), name, JOB_OBJECT_ALL_ACCESS))
}

func openJobObject(asked uint32, inheritHandle bool, name string) (Handle, error) {
	return made(kernel32.OpenJobObject(access.Mask(asked), inheritHandle, name))
}

func assignProcessToJobObject(job, process Handle) error {
	return errno(kernel32.AssignProcessToJobObject(kernel32.Handle(job), kernel32.Handle(process)))
}

func terminateJobObject(job Handle, code uint32) error {
	return errno(kernel32.TerminateJobObject(kernel32.Handle(job), code))
}

func isProcessInJob(process, job Handle, result *bool) error {
	return tell(result, func() (bool, error) {
		return kernel32.IsProcessInJob(kernel32.Handle(process), kernel32.Handle(job))
	})
}

func setInformationJobObject(job Handle, class uint32, information uintptr, length uint32) (int, error) {
	err := kernel32.SetInformationJobObject(kernel32.Handle(job), class, length, func(b []byte) error {
		err := touching(func() { copy(b, bytesAt(information, len(b))) })
		if err != nil {
			return errs.Numbered(errs.NoAccess, err, "the structure cannot be read")
		}
		return nil
	})
	if err != nil {
		return 0, errno(err)
	}
	return 1, nil
}

func queryInformationJobObject(job Handle, class int32, information uintptr, length uint32, returned *uint32) error {
	b, err := kernel32.QueryInformationJobObject(kernel32.Handle(job), uint32(class), length)
	if fault := touching(func() { copy(bytesAt(information, len(b)), b) }); fault != nil {
		return fault
	}
	if returned != nil && b != nil {
		*returned = uint32(len(b))
	}
	return errno(err)
}

// bytesAt are those at an address that the caller has given as a number.
func bytesAt(address uintptr, length int) []byte {
	return unsafe.Slice(deref[byte](address), length)
}
