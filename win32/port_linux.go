package win32

import (
	"atoll/internal/kernel32"
	"atoll/internal/port"
)

func createIoCompletionPort(file, existing Handle, _ uintptr, _ uint32) (Handle, error) {
	return made(kernel32.CreateIoCompletionPort(kernel32.Handle(file), kernel32.Handle(existing)))
}

func getQueuedCompletionStatus(from Handle, bytes *uint32, key, overlapped *uintptr, milliseconds uint32) error {
	if bytes == nil || key == nil || overlapped == nil {
		return ERROR_NOACCESS
	}
	packet, err := kernel32.GetQueuedCompletionStatus(kernel32.Handle(from), milliseconds)
	if err != nil {
		*overlapped = 0
		return errno(err)
	}
	*bytes, *key, *overlapped = packet.Bytes, packet.Key, packet.Overlapped
	return nil
}

func postQueuedCompletionStatus(to Handle, bytes uint32, key, overlapped uintptr) error {
	return errno(kernel32.PostQueuedCompletionStatus(kernel32.Handle(to), port.Packet{Bytes: bytes, Key: key, Overlapped: overlapped}))
}
