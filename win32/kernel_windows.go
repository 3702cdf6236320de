package win32

import (
	"errors"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// wide is a text as the W functions take it. It ends at its first NUL.
func wide(text string) *uint16 {
	if text == NullName {
		return nil
	}
	text, _, _ = strings.Cut(text, "\x00")
	p, _ := windows.UTF16PtrFromString(text) // refuses only NUL
	return p
}

func createMutex(attributes *SecurityAttributes, initialOwner bool, name string) (Handle, error) {
	return createMutexW(attributes, initialOwner, wide(name))
}

func createMutexEx(attributes *SecurityAttributes, name string, flags, access uint32) (Handle, error) {
	return createMutexExW(attributes, wide(name), flags, access)
}

func openMutex(access uint32, inheritHandle bool, name string) (Handle, error) {
	return openMutexW(access, inheritHandle, wide(name))
}

func createEvent(attributes *SecurityAttributes, manualReset, initialState uint32, name string) (Handle, error) {
	return createEventW(attributes, manualReset, initialState, wide(name))
}

func createEventEx(attributes *SecurityAttributes, name string, flags, access uint32) (Handle, error) {
	return createEventExW(attributes, wide(name), flags, access)
}

func openEvent(access uint32, inheritHandle bool, name string) (Handle, error) {
	return openEventW(access, inheritHandle, wide(name))
}

func createSemaphore(attributes *SecurityAttributes, initialCount, maximumCount int32, name string) (Handle, error) {
	return createSemaphoreW(attributes, initialCount, maximumCount, wide(name))
}

func createSemaphoreEx(attributes *SecurityAttributes, initialCount, maximumCount int32, name string, flags, access uint32) (Handle, error) {
	return createSemaphoreExW(attributes, initialCount, maximumCount, wide(name), flags, access)
}

func openSemaphore(access uint32, inheritHandle bool, name string) (Handle, error) {
	return openSemaphoreW(access, inheritHandle, wide(name))
}

func createWaitableTimer(attributes *SecurityAttributes, manualReset bool, name string) (Handle, error) {
	return createWaitableTimerW(attributes, manualReset, wide(name))
}

func createWaitableTimerEx(attributes *SecurityAttributes, name string, flags, access uint32) (Handle, error) {
	return createWaitableTimerExW(attributes, wide(name), flags, access)
}

func openWaitableTimer(access uint32, inheritHandle bool, name string) (Handle, error) {
	return openWaitableTimerW(access, inheritHandle, wide(name))
}

func newTimerAPCRoutine(routine func(argument uintptr, timeLow, timeHigh uint32)) TimerAPCRoutine {
	return TimerAPCRoutine(windows.NewCallback(func(argument uintptr, timeLow, timeHigh uint32) uintptr {
		routine(argument, timeLow, timeHigh)
		return 0
	}))
}

func newAPCProc(apc func(data uintptr)) APCProc {
	return APCProc(windows.NewCallback(func(data uintptr) uintptr { apc(data); return 0 }))
}

func waitForMultipleObjects(handles []Handle, waitAll bool, milliseconds uint32) (event uint32, err error) {
	return waitForObjects(uint32(len(handles)), unsafe.SliceData(handles), waitAll, milliseconds)
}

func waitForMultipleObjectsEx(handles []Handle, waitAll bool, milliseconds uint32, alertable bool) (event uint32, err error) {
	return waitForObjectsEx(uint32(len(handles)), unsafe.SliceData(handles), waitAll, milliseconds, alertable)
}

// ntQueryObject gives the error number that Windows has for the status.
func ntQueryObject(handle Handle, class int32, information uintptr, length uint32, returned *uint32) error {
	err := queryObject(handle, class, information, length, returned)
	if status := windows.NTStatus(0); errors.As(err, &status) {
		return status.Errno()
	}
	return err
}

func createFileMapping(file Handle, attributes *SecurityAttributes, protection, maximumSizeHigh, maximumSizeLow uint32, name string) (Handle, error) {
	return createFileMappingW(file, attributes, protection, maximumSizeHigh, maximumSizeLow, wide(name))
}

func createFileMappingNuma(file Handle, attributes *SecurityAttributes, protection, maximumSizeHigh, maximumSizeLow uint32, name string, node uint32) (Handle, error) {
	return createFileMappingNumaW(file, attributes, protection, maximumSizeHigh, maximumSizeLow, wide(name), node)
}

func openFileMapping(access uint32, inheritHandle bool, name string) (Handle, error) {
	return openFileMappingW(access, inheritHandle, wide(name))
}

func prefetchVirtualMemory(process Handle, ranges []MemoryRangeEntry, flags uint32) error {
	return prefetchRanges(process, uintptr(len(ranges)), unsafe.SliceData(ranges), flags)
}

func createFile(name string, access, mode uint32, attributes *SecurityAttributes, createMode, flags uint32, template Handle) (Handle, error) {
	return createFileW(wide(name), access, mode, attributes, createMode, flags, template)
}

func deleteFile(name string) error { return deleteFileW(wide(name)) }

func moveFile(from, to string) error { return moveFileW(wide(from), wide(to)) }

func copyFile(from, to string, failIfExists bool) error {
	return copyFileW(wide(from), wide(to), failIfExists)
}

func createProcess(application, commandLine string, processAttributes, threadAttributes *SecurityAttributes, inheritHandles bool, flags uint32, environment []string, directory string, startup *StartupInfo, information *ProcessInformation) error {
	var block *uint16
	if environment != nil {
		block, flags = wideBlock(environment), flags|CREATE_UNICODE_ENVIRONMENT
	}
	if startup == nil {
		startup = new(StartupInfo)
	}
	return createProcessW(wideOrNull(application), wideOrNull(commandLine), processAttributes, threadAttributes, inheritHandles, flags, block, wideOrNull(directory), startup, information)
}

// wideOrNull is wide for arguments of which "" means nothing to Windows.
func wideOrNull(text string) *uint16 {
	if text == "" {
		return nil
	}
	return wide(text)
}

// wideBlock is a list of texts as the W functions take it: each ends with a NUL, and
// so does the list.
func wideBlock(texts []string) *uint16 {
	var block []uint16
	for _, text := range texts {
		text, _, _ = strings.Cut(text, "\x00")
		w, _ := windows.UTF16FromString(text)
		block = append(block, w...)
	}
	return unsafe.SliceData(append(block, 0, 0))
}

func newProcThreadAttributeList(maximum uint32) (*ProcThreadAttributeListContainer, error) {
	return windows.NewProcThreadAttributeList(maximum)
}

func createJobObject(attributes *SecurityAttributes, name string) (Handle, error) {
	return createJobObjectW(attributes, wide(name))
}

func openJobObject(access uint32, inheritHandle bool, name string) (Handle, error) {
	return openJobObjectW(access, inheritHandle, wide(name))
}

func createBoundaryDescriptor(name string, flags uint32) (boundary Handle, err error) {
	return createBoundaryDescriptorW(wide(name), flags)
}

func createPrivateNamespace(attributes *SecurityAttributes, boundary Handle, alias string) (Handle, error) {
	return createPrivateNamespaceW(attributes, boundary, wide(alias))
}

func openPrivateNamespace(boundary Handle, alias string) (Handle, error) {
	return openPrivateNamespaceW(boundary, wide(alias))
}

func convertStringSecurityDescriptorToSecurityDescriptor(text string, revision uint32, descriptor **SecurityDescriptor, size *uint32) error {
	return stringToSecurityDescriptor(wide(text), revision, descriptor, size)
}

func convertStringSidToSid(text string, sid **SID) error {
	return stringToSid(wide(text), sid)
}
