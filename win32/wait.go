package win32

// WaitForSingleObject waits for an object.
func WaitForSingleObject(handle Handle, milliseconds uint32) (event uint32, err error) {
	return waitForSingleObject(handle, milliseconds)
}

// WaitForSingleObjectEx waits for an object, and for APCs.
func WaitForSingleObjectEx(handle Handle, milliseconds uint32, alertable bool) (event uint32, err error) {
	return waitForSingleObjectEx(handle, milliseconds, alertable)
}

// WaitForMultipleObjects waits for one of several objects, or for all.
func WaitForMultipleObjects(handles []Handle, waitAll bool, milliseconds uint32) (event uint32, err error) {
	return waitForMultipleObjects(handles, waitAll, milliseconds)
}

// WaitForMultipleObjectsEx waits for one of several objects, or for all, and for APCs.
func WaitForMultipleObjectsEx(handles []Handle, waitAll bool, milliseconds uint32, alertable bool) (event uint32, err error) {
	return waitForMultipleObjectsEx(handles, waitAll, milliseconds, alertable)
}

// SignalObjectAndWait signals one object and waits for another.
func SignalObjectAndWait(objectToSignal, objectToWaitOn Handle, milliseconds uint32, alertable bool) (event uint32, err error) {
	return signalObjectAndWait(objectToSignal, objectToWaitOn, milliseconds, alertable)
}
