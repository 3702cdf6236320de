package win32

import (
	"atoll/internal/access"
	"atoll/internal/kernel32"
)

func createWaitableTimer(attributes *SecurityAttributes, manualReset bool, name string) (Handle, error) {
	return made(kernel32.CreateWaitableTimer(attributes.linux(), name, manualReset, TIMER_ALL_ACCESS))
}

func createWaitableTimerEx(attributes *SecurityAttributes, name string, flags, asked uint32) (Handle, error) {
	if flags&^(CREATE_WAITABLE_TIMER_MANUAL_RESET|CREATE_WAITABLE_TIMER_HIGH_RESOLUTION) != 0 {
		return 0, ERROR_INVALID_PARAMETER
	}
	return made(kernel32.CreateWaitableTimer(attributes.linux(), name,
		flags&CREATE_WAITABLE_TIMER_MANUAL_RESET != 0, access.Mask(asked)))
}

func openWaitableTimer(asked uint32, inheritHandle bool, name string) (Handle, error) {
	return made(kernel32.OpenWaitableTimer(access.Mask(asked), inheritHandle, name))
}

func setWaitableTimer(timer Handle, dueTime *int64, period int32, routine TimerAPCRoutine, argument uintptr, _ bool) error {
	return errno(kernel32.SetWaitableTimer(kernel32.Handle(timer), dueTime, period, uintptr(routine), argument))
}

func setWaitableTimerEx(timer Handle, dueTime *int64, period int32, routine TimerAPCRoutine, argument uintptr, _ *ReasonContext, _ uint32) error {
	return errno(kernel32.SetWaitableTimer(kernel32.Handle(timer), dueTime, period, uintptr(routine), argument))
}

func cancelWaitableTimer(timer Handle) error {
	return errno(kernel32.CancelWaitableTimer(kernel32.Handle(timer)))
}

func newTimerAPCRoutine(routine func(argument uintptr, timeLow, timeHigh uint32)) TimerAPCRoutine {
	return TimerAPCRoutine(kernel32.NewTimerRoutine(routine))
}
