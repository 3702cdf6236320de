package win32

// What each function is in its DLL, for mkwinsyscall, which writes zsyscall_windows.go
// from it. Functions that need no other types than the DLL's are called by the exported
// ones as they are; kernel_windows.go converts for the others.

// Names, Ex or not: a Create that finds an object gives its handle and
// ERROR_ALREADY_EXISTS.
//sys	createMutexW(attributes *SecurityAttributes, initialOwner bool, name *uint16) (handle Handle, err error) [failretval == 0 || e1 == ERROR_ALREADY_EXISTS] = kernel32.CreateMutexW
//sys	createMutexExW(attributes *SecurityAttributes, name *uint16, flags uint32, access uint32) (handle Handle, err error) [failretval == 0 || e1 == ERROR_ALREADY_EXISTS] = kernel32.CreateMutexExW
//sys	openMutexW(access uint32, inheritHandle bool, name *uint16) (handle Handle, err error) = kernel32.OpenMutexW
//sys	releaseMutex(mutex Handle) (err error) = kernel32.ReleaseMutex

//sys	createEventW(attributes *SecurityAttributes, manualReset uint32, initialState uint32, name *uint16) (handle Handle, err error) [failretval == 0 || e1 == ERROR_ALREADY_EXISTS] = kernel32.CreateEventW
//sys	createEventExW(attributes *SecurityAttributes, name *uint16, flags uint32, access uint32) (handle Handle, err error) [failretval == 0 || e1 == ERROR_ALREADY_EXISTS] = kernel32.CreateEventExW
//sys	openEventW(access uint32, inheritHandle bool, name *uint16) (handle Handle, err error) = kernel32.OpenEventW
//sys	setEvent(event Handle) (err error) = kernel32.SetEvent
//sys	resetEvent(event Handle) (err error) = kernel32.ResetEvent
//sys	pulseEvent(event Handle) (err error) = kernel32.PulseEvent

//sys	createSemaphoreW(attributes *SecurityAttributes, initialCount int32, maximumCount int32, name *uint16) (handle Handle, err error) [failretval == 0 || e1 == ERROR_ALREADY_EXISTS] = kernel32.CreateSemaphoreW
//sys	createSemaphoreExW(attributes *SecurityAttributes, initialCount int32, maximumCount int32, name *uint16, flags uint32, access uint32) (handle Handle, err error) [failretval == 0 || e1 == ERROR_ALREADY_EXISTS] = kernel32.CreateSemaphoreExW
//sys	openSemaphoreW(access uint32, inheritHandle bool, name *uint16) (handle Handle, err error) = kernel32.OpenSemaphoreW
//sys	releaseSemaphore(semaphore Handle, releaseCount int32, previousCount *int32) (err error) = kernel32.ReleaseSemaphore

//sys	createWaitableTimerW(attributes *SecurityAttributes, manualReset bool, name *uint16) (handle Handle, err error) [failretval == 0 || e1 == ERROR_ALREADY_EXISTS] = kernel32.CreateWaitableTimerW
//sys	createWaitableTimerExW(attributes *SecurityAttributes, name *uint16, flags uint32, access uint32) (handle Handle, err error) [failretval == 0 || e1 == ERROR_ALREADY_EXISTS] = kernel32.CreateWaitableTimerExW
//sys	openWaitableTimerW(access uint32, inheritHandle bool, name *uint16) (handle Handle, err error) = kernel32.OpenWaitableTimerW
//sys	setWaitableTimer(timer Handle, dueTime *int64, period int32, routine TimerAPCRoutine, argument uintptr, resume bool) (err error) = kernel32.SetWaitableTimer
//sys	setWaitableTimerEx(timer Handle, dueTime *int64, period int32, routine TimerAPCRoutine, argument uintptr, wakeContext *ReasonContext, tolerableDelay uint32) (err error) = kernel32.SetWaitableTimerEx
//sys	cancelWaitableTimer(timer Handle) (err error) = kernel32.CancelWaitableTimer

// Waits: only WAIT_FAILED is an error.
//sys	waitForSingleObject(handle Handle, milliseconds uint32) (event uint32, err error) [failretval == WAIT_FAILED] = kernel32.WaitForSingleObject
//sys	waitForSingleObjectEx(handle Handle, milliseconds uint32, alertable bool) (event uint32, err error) [failretval == WAIT_FAILED] = kernel32.WaitForSingleObjectEx
//sys	waitForObjects(count uint32, handles *Handle, waitAll bool, milliseconds uint32) (event uint32, err error) [failretval == WAIT_FAILED] = kernel32.WaitForMultipleObjects
//sys	waitForObjectsEx(count uint32, handles *Handle, waitAll bool, milliseconds uint32, alertable bool) (event uint32, err error) [failretval == WAIT_FAILED] = kernel32.WaitForMultipleObjectsEx
//sys	signalObjectAndWait(objectToSignal Handle, objectToWaitOn Handle, milliseconds uint32, alertable bool) (event uint32, err error) [failretval == WAIT_FAILED] = kernel32.SignalObjectAndWait

//sys	sleepEx(milliseconds uint32, alertable bool) (ret uint32) = kernel32.SleepEx
//sys	queueUserAPC(apc APCProc, thread Handle, data uintptr) (err error) = kernel32.QueueUserAPC
//sys	getCurrentThread() (pseudoHandle Handle) = kernel32.GetCurrentThread
//sys	getCurrentThreadId() (id uint32) = kernel32.GetCurrentThreadId
//sys	openThread(access uint32, inheritHandle bool, threadID uint32) (handle Handle, err error) = kernel32.OpenThread

//sys	closeHandle(handle Handle) (err error) = kernel32.CloseHandle
//sys	duplicateHandle(sourceProcess Handle, source Handle, targetProcess Handle, target *Handle, access uint32, inheritHandle bool, options uint32) (err error) = kernel32.DuplicateHandle
//sys	getHandleInformation(handle Handle, flags *uint32) (err error) = kernel32.GetHandleInformation
//sys	setHandleInformation(handle Handle, mask uint32, flags uint32) (err error) = kernel32.SetHandleInformation
//sys	compareObjectHandles(first Handle, second Handle) (err error) = kernelbase.CompareObjectHandles
//sys	queryObject(handle Handle, class int32, information uintptr, length uint32, returned *uint32) (ntstatus error) = ntdll.NtQueryObject

//sys	createFileMappingW(file Handle, attributes *SecurityAttributes, protection uint32, maximumSizeHigh uint32, maximumSizeLow uint32, name *uint16) (handle Handle, err error) [failretval == 0 || e1 == ERROR_ALREADY_EXISTS] = kernel32.CreateFileMappingW
//sys	createFileMappingNumaW(file Handle, attributes *SecurityAttributes, protection uint32, maximumSizeHigh uint32, maximumSizeLow uint32, name *uint16, node uint32) (handle Handle, err error) [failretval == 0 || e1 == ERROR_ALREADY_EXISTS] = kernel32.CreateFileMappingNumaW
//sys	openFileMappingW(access uint32, inheritHandle bool, name *uint16) (handle Handle, err error) = kernel32.OpenFileMappingW
//sys	mapViewOfFile(section Handle, access uint32, offsetHigh uint32, offsetLow uint32, length uintptr) (address uintptr, err error) = kernel32.MapViewOfFile
//sys	mapViewOfFileEx(section Handle, access uint32, offsetHigh uint32, offsetLow uint32, length uintptr, base uintptr) (address uintptr, err error) = kernel32.MapViewOfFileEx
//sys	unmapViewOfFile(address uintptr) (err error) = kernel32.UnmapViewOfFile
//sys	flushViewOfFile(address uintptr, length uintptr) (err error) = kernel32.FlushViewOfFile

//sys	virtualQuery(address uintptr, buffer *MemoryBasicInformation, length uintptr) (err error) = kernel32.VirtualQuery
//sys	virtualProtect(address uintptr, size uintptr, protection uint32, old *uint32) (err error) = kernel32.VirtualProtect
//sys	virtualAlloc(address uintptr, size uintptr, allocationType uint32, protection uint32) (value uintptr, err error) = kernel32.VirtualAlloc
//sys	virtualFree(address uintptr, size uintptr, freeType uint32) (err error) = kernel32.VirtualFree
//sys	virtualLock(address uintptr, length uintptr) (err error) = kernel32.VirtualLock
//sys	virtualUnlock(address uintptr, length uintptr) (err error) = kernel32.VirtualUnlock
//sys	prefetchRanges(process Handle, count uintptr, ranges *MemoryRangeEntry, flags uint32) (err error) = kernel32.PrefetchVirtualMemory

//sys	createFileW(name *uint16, access uint32, mode uint32, attributes *SecurityAttributes, createMode uint32, flags uint32, template Handle) (handle Handle, err error) [failretval == INVALID_HANDLE_VALUE || e1 == ERROR_ALREADY_EXISTS] = kernel32.CreateFileW
//sys	readFile(file Handle, buffer []byte, done *uint32, overlapped *Overlapped) (err error) = kernel32.ReadFile
//sys	writeFile(file Handle, buffer []byte, done *uint32, overlapped *Overlapped) (err error) = kernel32.WriteFile
//sys	getFileSizeEx(file Handle, size *int64) (err error) = kernel32.GetFileSizeEx
//sys	setFilePointerEx(file Handle, distance int64, newPosition *int64, whence uint32) (err error) = kernel32.SetFilePointerEx
//sys	setEndOfFile(file Handle) (err error) = kernel32.SetEndOfFile
//sys	flushFileBuffers(file Handle) (err error) = kernel32.FlushFileBuffers
//sys	setFileInformationByHandle(file Handle, class uint32, information uintptr, length uint32) (err error) = kernel32.SetFileInformationByHandle
//sys	deleteFileW(name *uint16) (err error) = kernel32.DeleteFileW
//sys	moveFileW(from *uint16, to *uint16) (err error) = kernel32.MoveFileW
//sys	copyFileW(from *uint16, to *uint16, failIfExists bool) (err error) = kernel32.CopyFileW

//sys	createProcessW(application *uint16, commandLine *uint16, processAttributes *SecurityAttributes, threadAttributes *SecurityAttributes, inheritHandles bool, flags uint32, environment *uint16, directory *uint16, startup *StartupInfo, information *ProcessInformation) (err error) = kernel32.CreateProcessW
//sys	openProcess(access uint32, inheritHandle bool, processID uint32) (handle Handle, err error) = kernel32.OpenProcess
//sys	getCurrentProcess() (pseudoHandle Handle) = kernel32.GetCurrentProcess
//sys	getCurrentProcessId() (id uint32) = kernel32.GetCurrentProcessId
//sys	getProcessId(process Handle) (id uint32, err error) = kernel32.GetProcessId
//sys	getExitCodeProcess(process Handle, code *uint32) (err error) = kernel32.GetExitCodeProcess
//sys	terminateProcess(process Handle, code uint32) (err error) = kernel32.TerminateProcess

//sys	createJobObjectW(attributes *SecurityAttributes, name *uint16) (handle Handle, err error) [failretval == 0 || e1 == ERROR_ALREADY_EXISTS] = kernel32.CreateJobObjectW
//sys	openJobObjectW(access uint32, inheritHandle bool, name *uint16) (handle Handle, err error) = kernel32.OpenJobObjectW
//sys	assignProcessToJobObject(job Handle, process Handle) (err error) = kernel32.AssignProcessToJobObject
//sys	terminateJobObject(job Handle, code uint32) (err error) = kernel32.TerminateJobObject
//sys	isProcessInJob(process Handle, job Handle, result *bool) (err error) = kernel32.IsProcessInJob
//sys	setInformationJobObject(job Handle, class uint32, information uintptr, length uint32) (ret int, err error) = kernel32.SetInformationJobObject
//sys	queryInformationJobObject(job Handle, class int32, information uintptr, length uint32, returned *uint32) (err error) = kernel32.QueryInformationJobObject

//sys	createIoCompletionPort(file Handle, existing Handle, key uintptr, threads uint32) (port Handle, err error) = kernel32.CreateIoCompletionPort
//sys	getQueuedCompletionStatus(port Handle, bytes *uint32, key *uintptr, overlapped *uintptr, milliseconds uint32) (err error) = kernel32.GetQueuedCompletionStatus
//sys	postQueuedCompletionStatus(port Handle, bytes uint32, key uintptr, overlapped uintptr) (err error) = kernel32.PostQueuedCompletionStatus

// ClosePrivateNamespace returns a BOOLEAN, which is one byte. Wine lacks what has a
// question mark: calls fail there.
//sys	createBoundaryDescriptorW(name *uint16, flags uint32) (boundary Handle, err error) = kernel32.CreateBoundaryDescriptorW
//sys	addSIDToBoundaryDescriptor(boundary *Handle, sid *SID) (err error) = kernel32.AddSIDToBoundaryDescriptor?
//sys	deleteBoundaryDescriptor(boundary Handle) = kernel32.DeleteBoundaryDescriptor
//sys	createPrivateNamespaceW(attributes *SecurityAttributes, boundary Handle, alias *uint16) (handle Handle, err error) = kernel32.CreatePrivateNamespaceW?
//sys	openPrivateNamespaceW(boundary Handle, alias *uint16) (handle Handle, err error) = kernel32.OpenPrivateNamespaceW?
//sys	closePrivateNamespace(handle Handle, flags uint32) (err error) [failretval&0xff == 0] = kernel32.ClosePrivateNamespace?

//sys	stringToSecurityDescriptor(text *uint16, revision uint32, descriptor **SecurityDescriptor, size *uint32) (err error) = advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW
//sys	stringToSid(text *uint16, sid **SID) (err error) = advapi32.ConvertStringSidToSidW
//sys	setKernelObjectSecurity(handle Handle, information uint32, descriptor *SecurityDescriptor) (err error) = advapi32.SetKernelObjectSecurity
//sys	localFree(memory Handle) (handle Handle, err error) [failretval != 0] = kernel32.LocalFree
