//go:build windows

package onwindows

// What golang.org/x/sys/windows does not have. A Create that finds an object gives its
// handle and ERROR_ALREADY_EXISTS. Package win32 declares most of these for itself, with
// its own types.

//sys	createSemaphoreEx(attributes *windows.SecurityAttributes, initialCount int32, maximumCount int32, name *uint16, flags uint32, access uint32) (handle windows.Handle, err error) [failretval == 0 || e1 == windows.ERROR_ALREADY_EXISTS] = kernel32.CreateSemaphoreExW
//sys	openSemaphore(access uint32, inheritHandle bool, name *uint16) (handle windows.Handle, err error) = kernel32.OpenSemaphoreW
//sys	releaseSemaphore(semaphore windows.Handle, releaseCount int32, previousCount *int32) (err error) = kernel32.ReleaseSemaphore

//sys	createWaitableTimerEx(attributes *windows.SecurityAttributes, name *uint16, flags uint32, access uint32) (handle windows.Handle, err error) [failretval == 0 || e1 == windows.ERROR_ALREADY_EXISTS] = kernel32.CreateWaitableTimerExW
//sys	openWaitableTimer(access uint32, inheritHandle bool, name *uint16) (handle windows.Handle, err error) = kernel32.OpenWaitableTimerW
//sys	setWaitableTimer(timer windows.Handle, dueTime *int64, period int32, routine uintptr, argument uintptr, resume bool) (err error) = kernel32.SetWaitableTimer
//sys	cancelWaitableTimer(timer windows.Handle) (err error) = kernel32.CancelWaitableTimer

//sys	waitForObjects(count uint32, handles *windows.Handle, waitAll bool, milliseconds uint32, alertable bool) (event uint32, err error) [failretval == 0xffffffff] = kernel32.WaitForMultipleObjectsEx
//sys	queueUserAPC(apc uintptr, thread windows.Handle, data uintptr) (err error) = kernel32.QueueUserAPC

//sys	openFileMapping(access uint32, inheritHandle bool, name *uint16) (handle windows.Handle, err error) = kernel32.OpenFileMappingW
//sys	mapViewOfFileEx(section windows.Handle, access uint32, offsetHigh uint32, offsetLow uint32, length uintptr, base uintptr) (address uintptr, err error) = kernel32.MapViewOfFileEx
//sys	prefetchVirtualMemory(process windows.Handle, count uintptr, ranges *memoryRange, flags uint32) (err error) = kernel32.PrefetchVirtualMemory
//sys	getMappedFileName(process windows.Handle, address uintptr, name *uint16, size uint32) (length uint32, err error) = kernel32.K32GetMappedFileNameW

//sys	compareObjectHandles(first windows.Handle, second windows.Handle) (same bool) = kernelbase.CompareObjectHandles
//sys	ntQuerySection(section windows.Handle, class int32, information unsafe.Pointer, length uintptr, returned *uintptr) (ntstatus error) = ntdll.NtQuerySection
