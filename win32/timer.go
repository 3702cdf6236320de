package win32

// CreateWaitableTimer creates a waitable timer, or opens the one that has the name.
func CreateWaitableTimer(attributes *SecurityAttributes, manualReset bool, name string) (handle Handle, err error) {
	return createWaitableTimer(attributes, manualReset, name)
}

// CreateWaitableTimerEx is CreateWaitableTimer with the access asked for.
func CreateWaitableTimerEx(attributes *SecurityAttributes, name string, flags, access uint32) (handle Handle, err error) {
	return createWaitableTimerEx(attributes, name, flags, access)
}

// OpenWaitableTimer opens a waitable timer that exists.
func OpenWaitableTimer(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return openWaitableTimer(access, inheritHandle, name)
}

// SetWaitableTimer arms a timer.
func SetWaitableTimer(timer Handle, dueTime *int64, period int32, routine TimerAPCRoutine, argument uintptr, resume bool) (err error) {
	return setWaitableTimer(timer, dueTime, period, routine, argument, resume)
}

// SetWaitableTimerEx arms a timer that may be late.
func SetWaitableTimerEx(timer Handle, dueTime *int64, period int32, routine TimerAPCRoutine, argument uintptr, wakeContext *ReasonContext, tolerableDelay uint32) (err error) {
	return setWaitableTimerEx(timer, dueTime, period, routine, argument, wakeContext, tolerableDelay)
}

// CancelWaitableTimer disarms a timer.
func CancelWaitableTimer(timer Handle) (err error) {
	return cancelWaitableTimer(timer)
}

// NewTimerAPCRoutine makes a completion routine of a Go function.
func NewTimerAPCRoutine(routine func(argument uintptr, timeLow, timeHigh uint32)) TimerAPCRoutine {
	return newTimerAPCRoutine(routine)
}
