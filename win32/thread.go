package win32

// SleepEx sleeps.
func SleepEx(milliseconds uint32, alertable bool) (ret uint32) {
	return sleepEx(milliseconds, alertable)
}

// QueueUserAPC queues a function to a thread.
func QueueUserAPC(apc APCProc, thread Handle, data uintptr) (err error) {
	return queueUserAPC(apc, thread, data)
}

// NewAPCProc makes an APC of a Go function.
func NewAPCProc(apc func(data uintptr)) APCProc {
	return newAPCProc(apc)
}

// GetCurrentThread returns the pseudo-handle of the calling thread.
func GetCurrentThread() (pseudoHandle Handle) {
	return getCurrentThread()
}

// GetCurrentThreadId returns the number of the calling thread.
func GetCurrentThreadId() (id uint32) {
	return getCurrentThreadId()
}

// OpenThread opens a thread.
func OpenThread(access uint32, inheritHandle bool, threadID uint32) (handle Handle, err error) {
	return openThread(access, inheritHandle, threadID)
}
