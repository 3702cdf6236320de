package win32

import (
	"atoll/internal/access"
	"atoll/internal/kernel32"
)

func sleepEx(milliseconds uint32, alertable bool) uint32 {
	return kernel32.Sleep(milliseconds, alertable)
}

func queueUserAPC(apc APCProc, thread Handle, data uintptr) error {
	return errno(kernel32.QueueUserAPC(uintptr(apc), kernel32.Handle(thread), data))
}

func newAPCProc(apc func(data uintptr)) APCProc { return APCProc(kernel32.NewAPC(apc)) }

func getCurrentThread() Handle { return Handle(kernel32.CurrentThread) }

func getCurrentThreadId() uint32 { return kernel32.GetCurrentThreadID() }

func openThread(asked uint32, inheritHandle bool, threadID uint32) (Handle, error) {
	return made(kernel32.OpenThread(access.Mask(asked), inheritHandle, threadID))
}
