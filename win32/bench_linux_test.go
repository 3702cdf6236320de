package win32

import (
	"context"
	"runtime"
	"testing"

	"atoll/internal/access"
	"atoll/internal/onlinux"
	"atoll/internal/testkit"
)

func TestMain(m *testing.M) {
	_ = CloseHandle(0) // the first call of all opens what stays open
	testkit.Main(m)
}

// What a call costs here more than the same one of package atoll, which is what the
// benchmarks called root do: the handle is looked up, and the thread.
func BenchmarkMutex(b *testing.B) {
	b.Run("win32", func(b *testing.B) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		m := created(b)(CreateMutex(nil, false, ""))
		for b.Loop() {
			if event, err := WaitForSingleObject(m, INFINITE); event != WAIT_OBJECT_0 || err != nil {
				b.Fatal(event, err)
			}
			if err := ReleaseMutex(m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("root", func(b *testing.B) {
		m, _, err := onlinux.OpenMutex("", onlinux.CreateOrOpen, access.Request{}, false)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = m.Close() }()
		for b.Loop() {
			if taken, sole := m.TakeSole(); !sole {
				if _, err := m.Lock(context.Background(), taken); err != nil {
					b.Fatal(err)
				}
			}
			if !m.GiveSole() {
				if err := m.Unlock(); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

func BenchmarkEvent(b *testing.B) {
	b.Run("win32", func(b *testing.B) {
		e := created(b)(CreateEvent(nil, 0, 0, ""))
		for b.Loop() {
			if err := SetEvent(e); err != nil {
				b.Fatal(err)
			}
			if event, err := WaitForSingleObject(e, INFINITE); event != WAIT_OBJECT_0 || err != nil {
				b.Fatal(event, err)
			}
		}
	})
	b.Run("root", func(b *testing.B) {
		e, _, err := onlinux.OpenEvent("", onlinux.CreateOrOpen, access.Request{}, false, false)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = e.Close() }()
		for b.Loop() {
			e.Publish()
			if !e.QuickSet() {
				if err := e.Set(); err != nil {
					b.Fatal(err)
				}
			}
			if !e.QuickTake() {
				if err := e.Wait(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// created closes the handle when the benchmark ends.
func created(b *testing.B) func(h Handle, err error) Handle {
	b.Helper()
	return func(h Handle, err error) Handle {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = CloseHandle(h) })
		return h
	}
}
