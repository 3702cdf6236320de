//go:build !linux && !windows

package win32

func createMutex(attributes *SecurityAttributes, initialOwner bool, name string) (handle Handle, err error) {
	return 0, errSystem
}

func createMutexEx(attributes *SecurityAttributes, name string, flags, access uint32) (handle Handle, err error) {
	return 0, errSystem
}

func openMutex(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return 0, errSystem
}

func releaseMutex(mutex Handle) (err error) { return errSystem }

func createEvent(attributes *SecurityAttributes, manualReset, initialState uint32, name string) (handle Handle, err error) {
	return 0, errSystem
}

func createEventEx(attributes *SecurityAttributes, name string, flags, access uint32) (handle Handle, err error) {
	return 0, errSystem
}

func openEvent(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return 0, errSystem
}

func setEvent(event Handle) (err error) { return errSystem }

func resetEvent(event Handle) (err error) { return errSystem }

func pulseEvent(event Handle) (err error) { return errSystem }

func createSemaphore(attributes *SecurityAttributes, initialCount, maximumCount int32, name string) (handle Handle, err error) {
	return 0, errSystem
}

func createSemaphoreEx(attributes *SecurityAttributes, initialCount, maximumCount int32, name string, flags, access uint32) (handle Handle, err error) {
	return 0, errSystem
}

func openSemaphore(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return 0, errSystem
}

func releaseSemaphore(semaphore Handle, releaseCount int32, previousCount *int32) (err error) {
	return errSystem
}

func createWaitableTimer(attributes *SecurityAttributes, manualReset bool, name string) (handle Handle, err error) {
	return 0, errSystem
}

func createWaitableTimerEx(attributes *SecurityAttributes, name string, flags, access uint32) (handle Handle, err error) {
	return 0, errSystem
}

func openWaitableTimer(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return 0, errSystem
}

func setWaitableTimer(timer Handle, dueTime *int64, period int32, routine TimerAPCRoutine, argument uintptr, resume bool) (err error) {
	return errSystem
}

func setWaitableTimerEx(timer Handle, dueTime *int64, period int32, routine TimerAPCRoutine, argument uintptr, wakeContext *ReasonContext, tolerableDelay uint32) (err error) {
	return errSystem
}

func cancelWaitableTimer(timer Handle) (err error) { return errSystem }

func newTimerAPCRoutine(routine func(argument uintptr, timeLow, timeHigh uint32)) TimerAPCRoutine {
	return 0
}

func waitForSingleObject(handle Handle, milliseconds uint32) (event uint32, err error) {
	return 0, errSystem
}

func waitForSingleObjectEx(handle Handle, milliseconds uint32, alertable bool) (event uint32, err error) {
	return 0, errSystem
}

func waitForMultipleObjects(handles []Handle, waitAll bool, milliseconds uint32) (event uint32, err error) {
	return 0, errSystem
}

func waitForMultipleObjectsEx(handles []Handle, waitAll bool, milliseconds uint32, alertable bool) (event uint32, err error) {
	return 0, errSystem
}

func signalObjectAndWait(objectToSignal, objectToWaitOn Handle, milliseconds uint32, alertable bool) (event uint32, err error) {
	return 0, errSystem
}

func sleepEx(milliseconds uint32, alertable bool) (ret uint32) { return 0 }

func queueUserAPC(apc APCProc, thread Handle, data uintptr) (err error) { return errSystem }

func newAPCProc(apc func(data uintptr)) APCProc { return 0 }

func getCurrentThread() (pseudoHandle Handle) { return 0 }

func getCurrentThreadId() (id uint32) { return 0 }

func openThread(access uint32, inheritHandle bool, threadID uint32) (handle Handle, err error) {
	return 0, errSystem
}

func closeHandle(handle Handle) (err error) { return errSystem }

func duplicateHandle(sourceProcess, source, targetProcess Handle, target *Handle, access uint32, inheritHandle bool, options uint32) (err error) {
	return errSystem
}

func getHandleInformation(handle Handle, flags *uint32) (err error) { return errSystem }

func setHandleInformation(handle Handle, mask, flags uint32) (err error) { return errSystem }

func compareObjectHandles(first, second Handle) (err error) { return errSystem }

func ntQueryObject(handle Handle, class int32, information uintptr, length uint32, returned *uint32) (err error) {
	return errSystem
}

func createFileMapping(file Handle, attributes *SecurityAttributes, protection, maximumSizeHigh, maximumSizeLow uint32, name string) (handle Handle, err error) {
	return 0, errSystem
}

func createFileMappingNuma(file Handle, attributes *SecurityAttributes, protection, maximumSizeHigh, maximumSizeLow uint32, name string, node uint32) (handle Handle, err error) {
	return 0, errSystem
}

func openFileMapping(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return 0, errSystem
}

func mapViewOfFile(section Handle, access, offsetHigh, offsetLow uint32, length uintptr) (address uintptr, err error) {
	return 0, errSystem
}

func mapViewOfFileEx(section Handle, access, offsetHigh, offsetLow uint32, length, base uintptr) (address uintptr, err error) {
	return 0, errSystem
}

func unmapViewOfFile(address uintptr) (err error) { return errSystem }

func flushViewOfFile(address, length uintptr) (err error) { return errSystem }

func virtualQuery(address uintptr, buffer *MemoryBasicInformation, length uintptr) (err error) {
	return errSystem
}

func virtualProtect(address, size uintptr, protection uint32, old *uint32) (err error) {
	return errSystem
}

func virtualAlloc(address, size uintptr, allocationType, protection uint32) (value uintptr, err error) {
	return 0, errSystem
}

func virtualFree(address, size uintptr, freeType uint32) (err error) { return errSystem }

func virtualLock(address, length uintptr) (err error) { return errSystem }

func virtualUnlock(address, length uintptr) (err error) { return errSystem }

func prefetchVirtualMemory(process Handle, ranges []MemoryRangeEntry, flags uint32) (err error) {
	return errSystem
}

func createFile(name string, access, mode uint32, attributes *SecurityAttributes, createMode, flags uint32, template Handle) (handle Handle, err error) {
	return 0, errSystem
}

func readFile(file Handle, buffer []byte, done *uint32, overlapped *Overlapped) (err error) {
	return errSystem
}

func writeFile(file Handle, buffer []byte, done *uint32, overlapped *Overlapped) (err error) {
	return errSystem
}

func getFileSizeEx(file Handle, size *int64) (err error) { return errSystem }

func setFilePointerEx(file Handle, distance int64, newPosition *int64, whence uint32) (err error) {
	return errSystem
}

func setEndOfFile(file Handle) (err error) { return errSystem }

func flushFileBuffers(file Handle) (err error) { return errSystem }

func setFileInformationByHandle(file Handle, class uint32, information uintptr, length uint32) (err error) {
	return errSystem
}

func deleteFile(name string) (err error) { return errSystem }

func moveFile(from, to string) (err error) { return errSystem }

func copyFile(from, to string, failIfExists bool) (err error) { return errSystem }

func createProcess(application, commandLine string, processAttributes, threadAttributes *SecurityAttributes, inheritHandles bool, flags uint32, environment []string, directory string, startup *StartupInfo, information *ProcessInformation) (err error) {
	return errSystem
}

func openProcess(access uint32, inheritHandle bool, processID uint32) (handle Handle, err error) {
	return 0, errSystem
}

func getCurrentProcess() (pseudoHandle Handle) { return 0 }

func getCurrentProcessId() (id uint32) { return 0 }

func getProcessId(process Handle) (id uint32, err error) { return 0, errSystem }

func getExitCodeProcess(process Handle, code *uint32) (err error) { return errSystem }

func terminateProcess(process Handle, code uint32) (err error) { return errSystem }

func createJobObject(attributes *SecurityAttributes, name string) (handle Handle, err error) {
	return 0, errSystem
}

func openJobObject(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return 0, errSystem
}

func assignProcessToJobObject(job, process Handle) (err error) { return errSystem }

func terminateJobObject(job Handle, code uint32) (err error) { return errSystem }

func isProcessInJob(process, job Handle, result *bool) (err error) { return errSystem }

func setInformationJobObject(job Handle, class uint32, information uintptr, length uint32) (ret int, err error) {
	return 0, errSystem
}

func queryInformationJobObject(job Handle, class int32, information uintptr, length uint32, returned *uint32) (err error) {
	return errSystem
}

func createIoCompletionPort(file, existing Handle, key uintptr, threads uint32) (port Handle, err error) {
	return 0, errSystem
}

func getQueuedCompletionStatus(port Handle, bytes *uint32, key, overlapped *uintptr, milliseconds uint32) (err error) {
	return errSystem
}

func postQueuedCompletionStatus(port Handle, bytes uint32, key, overlapped uintptr) (err error) {
	return errSystem
}

func createBoundaryDescriptor(name string, flags uint32) (boundary Handle, err error) {
	return 0, errSystem
}

func addSIDToBoundaryDescriptor(boundary *Handle, sid *SID) (err error) { return errSystem }

func deleteBoundaryDescriptor(boundary Handle) {}

func createPrivateNamespace(attributes *SecurityAttributes, boundary Handle, alias string) (handle Handle, err error) {
	return 0, errSystem
}

func openPrivateNamespace(boundary Handle, alias string) (handle Handle, err error) {
	return 0, errSystem
}

func closePrivateNamespace(handle Handle, flags uint32) (err error) { return errSystem }

func convertStringSecurityDescriptorToSecurityDescriptor(text string, revision uint32, descriptor **SecurityDescriptor, size *uint32) (err error) {
	return errSystem
}

func convertStringSidToSid(text string, sid **SID) (err error) { return errSystem }

func setKernelObjectSecurity(handle Handle, information uint32, descriptor *SecurityDescriptor) (err error) {
	return errSystem
}

const errSystem = ERROR_NOT_SUPPORTED
