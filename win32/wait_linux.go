package win32

import (
	"unsafe"

	"atoll/internal/kernel32"
)

func waitForSingleObject(handle Handle, milliseconds uint32) (uint32, error) {
	return waitForSingleObjectEx(handle, milliseconds, false)
}

func waitForSingleObjectEx(handle Handle, milliseconds uint32, alertable bool) (uint32, error) {
	event, err := kernel32.WaitForSingleObject(kernel32.Handle(handle), milliseconds, alertable)
	return event, errno(err)
}

func waitForMultipleObjects(handles []Handle, waitAll bool, milliseconds uint32) (uint32, error) {
	return waitForMultipleObjectsEx(handles, waitAll, milliseconds, false)
}

func waitForMultipleObjectsEx(handles []Handle, waitAll bool, milliseconds uint32, alertable bool) (uint32, error) {
	of := unsafe.Slice((*kernel32.Handle)(unsafe.SliceData(handles)), len(handles))
	event, err := kernel32.WaitForMultipleObjects(of, waitAll, milliseconds, alertable)
	return event, errno(err)
}

func signalObjectAndWait(objectToSignal, objectToWaitOn Handle, milliseconds uint32, alertable bool) (uint32, error) {
	event, err := kernel32.SignalObjectAndWait(kernel32.Handle(objectToSignal), kernel32.Handle(objectToWaitOn), milliseconds, alertable)
	return event, errno(err)
}
