//go:build linux || windows

package win32_test

import (
	"testing"
	"time"

	"atoll/win32"
)

// Packets come out in the order in which they were put in; a port that is closed ends
// the wait for one.
func TestCompletionPort(t *testing.T) {
	port, err := win32.CreateIoCompletionPort(win32.INVALID_HANDLE_VALUE, 0, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	var bytes uint32
	var key, overlapped uintptr
	for i := range uint32(3) {
		if err := win32.PostQueuedCompletionStatus(port, i, 2, 3); err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint32(3) {
		if err := win32.GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, win32.INFINITE); err != nil || bytes != i || key != 2 || overlapped != 3 {
			t.Errorf("packet %d, %d, %d, %v, want %d", bytes, key, overlapped, err, i)
		}
	}
	for _, milliseconds := range []uint32{0, 5} {
		if err := win32.GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, milliseconds); err != win32.Errno(win32.WAIT_TIMEOUT) || overlapped != 0 {
			t.Errorf("error %v, %d", err, overlapped)
		}
	}
	begun, done := make(chan struct{}), make(chan error)
	go func() {
		close(begun)
		done <- win32.GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, win32.INFINITE)
	}()
	<-begun
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := win32.CloseHandle(port); err != nil {
		t.Error(err)
	}
	select {
	case err := <-done:
		if err != win32.ERROR_ABANDONED_WAIT_0 {
			t.Errorf("error %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits for a port that is closed")
	}
	if err := win32.GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 0); err != win32.ERROR_INVALID_HANDLE {
		t.Errorf("error %v", err)
	}
}
