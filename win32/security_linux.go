package win32

import (
	"unsafe"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/kernel32"
	"atoll/internal/sddl"
)

func convertStringSecurityDescriptorToSecurityDescriptor(text string, revision uint32, descriptor **SecurityDescriptor, size *uint32) error {
	switch {
	case descriptor == nil || text == NullName:
		return ERROR_INVALID_PARAMETER
	case revision != SDDL_REVISION_1:
		return ERROR_UNKNOWN_REVISION
	}
	security, err := sddl.Parse(text)
	if err != nil {
		return errno(err)
	}
	*descriptor = &SecurityDescriptor{security: security}
	if size != nil {
		*size = uint32(unsafe.Sizeof(SecurityDescriptor{}))
	}
	return nil
}

func convertStringSidToSid(text string, sid **SID) error {
	switch {
	case sid == nil || text == NullName:
		return ERROR_INVALID_PARAMETER
	case errs.Number(sddl.CheckSID(text)) != 0:
		return ERROR_INVALID_SID
	}
	*sid = &SID{text: text}
	return nil
}

func setKernelObjectSecurity(handle Handle, information uint32, descriptor *SecurityDescriptor) error {
	var security *access.Security
	if descriptor != nil {
		security = descriptor.security
	}
	return errno(kernel32.SetObjectSecurity(kernel32.Handle(handle), information, security))
}
