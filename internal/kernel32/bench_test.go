//go:build linux

package kernel32

import (
	"testing"

	"atoll/internal/access"
)

func BenchmarkWaitForSignaledEvent(b *testing.B) {
	h, err := CreateEvent(nil, "", true, true, access.GenericAll)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = CloseHandle(h) }()
	b.ReportAllocs()
	for range b.N {
		if r, _ := WaitForSingleObject(h, Infinite, false); r != 0 {
			b.Fatal(r)
		}
	}
}

func BenchmarkMutexPair(b *testing.B) {
	h, err := CreateMutex(nil, "", false, access.GenericAll)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = CloseHandle(h) }()
	b.ReportAllocs()
	<-onThread(func() {
		for range b.N {
			_, _ = WaitForSingleObject(h, Infinite, false)
			_ = ReleaseMutex(h)
		}
	})
}

func BenchmarkWaitForOneOf64(b *testing.B) {
	all := make([]Handle, 64)
	for i := range all {
		h, err := CreateEvent(nil, "", true, i == 63, access.GenericAll)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = CloseHandle(h) }()
		all[i] = h
	}
	b.ReportAllocs()
	for range b.N {
		if r, _ := WaitForMultipleObjects(all, false, Infinite, false); r != 63 {
			b.Fatal(r)
		}
	}
}

func BenchmarkAlertableSleep(b *testing.B) {
	apc := NewAPC(func(uintptr) {})
	<-onThread(func() {
		for range b.N {
			_ = QueueUserAPC(apc, CurrentThread, 0)
			Sleep(Infinite, true)
		}
	})
}
