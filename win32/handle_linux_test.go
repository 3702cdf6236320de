package win32

import (
	"testing"
	"unsafe"
)

func isErrno(t *testing.T, what string, want Errno, err error) {
	t.Helper()
	if want == 0 && err != nil || want != 0 && err != error(want) {
		t.Errorf("%s: %v, want %d", what, err, want)
	}
}

func TestNtQueryObject(t *testing.T) {
	h, err := CreateEventEx(&SecurityAttributes{InheritHandle: 1}, NullName, 0, SYNCHRONIZE|EVENT_MODIFY_STATE)
	isErrno(t, "create", 0, err)
	defer func() { isErrno(t, "close", 0, CloseHandle(h)) }()
	var i OBJECT_BASIC_INFORMATION
	const size = uint32(unsafe.Sizeof(i))
	at, returned := uintptr(unsafe.Pointer(&i)), uint32(0)
	isErrno(t, "query", 0, NtQueryObject(h|2, ObjectBasicInformation, uintptr(unsafe.Pointer(&i)), size, &returned))
	if want := (OBJECT_BASIC_INFORMATION{Attributes: 2, GrantedAccess: SYNCHRONIZE | EVENT_MODIFY_STATE, HandleCount: 1, PointerCount: 1}); i != want || returned != size {
		t.Errorf("%+v, %d, want %+v, %d", i, returned, want, size)
	}
	for what, c := range map[string]struct {
		handle Handle
		class  int32
		at     uintptr
		length uint32
		want   Errno
	}{
		"too short":     {h, ObjectBasicInformation, at, size - 1, ERROR_BAD_LENGTH},
		"too long":      {h, ObjectBasicInformation, at, size + 1, ERROR_BAD_LENGTH},
		"other class":   {h, 1, at, size, ERROR_INVALID_PARAMETER},
		"no handle":     {h + 4000, ObjectBasicInformation, at, size, ERROR_INVALID_HANDLE},
		"nowhere":       {h, ObjectBasicInformation, 0, size, ERROR_NOACCESS},
		"not mapped":    {h, ObjectBasicInformation, 1 << 20, size, ERROR_NOACCESS},
		"the program's": {h, ObjectBasicInformation, **(**uintptr)(unsafe.Pointer(&program)), size, ERROR_NOACCESS},
	} {
		isErrno(t, what, c.want, NtQueryObject(c.handle, c.class, c.at, c.length, nil))
	}
	isErrno(t, "flags to nowhere", ERROR_NOACCESS, GetHandleInformation(h, nil))
}

// What is to be told has a place, or the call says so, and does nothing.
func TestToldNowhere(t *testing.T) {
	job, err := CreateJobObject(nil, NullName)
	isErrno(t, "job", 0, err)
	port, err := CreateIoCompletionPort(INVALID_HANDLE_VALUE, 0, 0, 0)
	isErrno(t, "port", 0, err)
	isErrno(t, "post", 0, PostQueuedCompletionStatus(port, 1, 2, 3))
	file, err := CreateFile("/proc/self/exe", GENERIC_READ, FILE_SHARE_READ, nil, OPEN_EXISTING, 0, 0)
	isErrno(t, "file", 0, err)
	var bytes uint32
	var key, overlapped uintptr
	for what, call := range map[string]func() error{
		"exit code":  func() error { return GetExitCodeProcess(GetCurrentProcess(), nil) },
		"in a job":   func() error { return IsProcessInJob(GetCurrentProcess(), job, nil) },
		"size":       func() error { return GetFileSizeEx(file, nil) },
		"bytes":      func() error { return GetQueuedCompletionStatus(port, nil, &key, &overlapped, 0) },
		"key":        func() error { return GetQueuedCompletionStatus(port, &bytes, nil, &overlapped, 0) },
		"overlapped": func() error { return GetQueuedCompletionStatus(port, &bytes, &key, nil, 0) },
	} {
		isErrno(t, what, ERROR_NOACCESS, call())
	}
	isErrno(t, "the packet is there", 0, GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 0))
	if bytes != 1 || key != 2 || overlapped != 3 {
		t.Errorf("the packet is %d, %d, %d", bytes, key, overlapped)
	}
	for _, h := range []Handle{job, port, file} {
		isErrno(t, "close", 0, CloseHandle(h))
	}
}

// program is a function, whose code nobody can write to.
var program = isErrno

func TestDescriptors(t *testing.T) {
	var d *SecurityDescriptor
	var size uint32
	for text, want := range map[string]Errno{
		"": 0, "D:": 0, "D:(A;;GA;;;WD)": 0, "O:SYG:SYD:P(A;;0x1F0003;;;SY)": 0,
		"D:(A;;GA;;;WD": ERROR_INVALID_PARAMETER, "x": ERROR_INVALID_PARAMETER, NullName: ERROR_INVALID_PARAMETER,
		"S:(ML;;NW;;;LW)": ERROR_NOT_SUPPORTED, "D:(A;;GA;;;AC)": ERROR_NOT_SUPPORTED,
	} {
		isErrno(t, text, want, ConvertStringSecurityDescriptorToSecurityDescriptor(text, SDDL_REVISION_1, &d, &size))
	}
	if d == nil || size == 0 {
		t.Errorf("%v, %d", d, size)
	}
	isErrno(t, "revision", ERROR_UNKNOWN_REVISION, ConvertStringSecurityDescriptorToSecurityDescriptor("D:", 2, &d, nil))
	isErrno(t, "nowhere", ERROR_INVALID_PARAMETER, ConvertStringSecurityDescriptorToSecurityDescriptor("D:", 1, nil, nil))
	var sid *SID
	for text, want := range map[string]Errno{
		"S-1-1-0": 0, "WD": 0, "S-1-22-1-1000": 0, "S-1-5-21-1-2-3-500": 0, "S-1-281474976710655-4294967295": 0,
		"": ERROR_INVALID_SID, "S-1": ERROR_INVALID_SID, "S-1-5": ERROR_INVALID_SID, "S-2-5-1": ERROR_INVALID_SID, "S-1-5-": ERROR_INVALID_SID,
		"S-1-5-4294967296": ERROR_INVALID_SID, "S-1-281474976710656-1": ERROR_INVALID_SID, "S-1-5-+1": ERROR_INVALID_SID, "XX": ERROR_INVALID_SID,
		"S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16": ERROR_INVALID_SID, NullName: ERROR_INVALID_PARAMETER,
	} {
		isErrno(t, text, want, ConvertStringSidToSid(text, &sid))
	}
	isErrno(t, "nowhere", ERROR_INVALID_PARAMETER, ConvertStringSidToSid("WD", nil))
	isErrno(t, "everybody", 0, ConvertStringSidToSid("WD", &sid))
	var none Handle
	isErrno(t, "no boundary", ERROR_INVALID_PARAMETER, AddSIDToBoundaryDescriptor(&none, sid))
	isErrno(t, "no boundary at all", ERROR_INVALID_PARAMETER, AddSIDToBoundaryDescriptor(nil, sid))
	isErrno(t, "no SID", ERROR_INVALID_PARAMETER, AddSIDToBoundaryDescriptor(&none, nil))
	isErrno(t, "no descriptor", ERROR_NOACCESS, SetKernelObjectSecurity(none, DACL_SECURITY_INFORMATION, nil))
}
