package win32

import (
	"fmt"
	"os"
	"testing"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"
)

func TestWide(t *testing.T) {
	if wide(NullName) != nil {
		t.Error("NullName is not NULL")
	}
	for given, want := range map[string]string{"": "", "a\x00b": "a", "\x00": "", "ä€\U0001F600": "ä€\U0001F600"} {
		if p := wide(given); p == nil || windows.UTF16PtrToString(p) != want {
			t.Errorf("%q is not passed as %q", given, want)
		}
	}
	if wideOrNull("") != nil || wideOrNull("a") == nil {
		t.Error("only the empty text is NULL")
	}
}

func TestWideBlock(t *testing.T) {
	for want, given := range map[string][]string{"a=b\x00c\x00\x00": {"a=b", "c\x00d"}, "\x00\x00": {}} {
		block := unsafe.Slice(wideBlock(given), len(want))
		if got := string(utf16.Decode(block)); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}

// The number that tells of a success reaches the caller beside the handle.
func TestExistingObject(t *testing.T) {
	name := fmt.Sprint("atoll existing object ", os.Getpid())
	for what, create := range map[string]func(name string) (Handle, error){
		"mutex":     func(name string) (Handle, error) { return CreateMutex(nil, false, name) },
		"mutex ex":  func(name string) (Handle, error) { return CreateMutexEx(nil, name, 0, MUTEX_ALL_ACCESS) },
		"event":     func(name string) (Handle, error) { return CreateEvent(nil, 0, 0, name) },
		"event ex":  func(name string) (Handle, error) { return CreateEventEx(nil, name, 0, EVENT_ALL_ACCESS) },
		"semaphore": func(name string) (Handle, error) { return CreateSemaphore(nil, 0, 1, name) },
		"semaphore ex": func(name string) (Handle, error) {
			return CreateSemaphoreEx(nil, 0, 1, name, 0, SEMAPHORE_ALL_ACCESS)
		},
		"timer":    func(name string) (Handle, error) { return CreateWaitableTimer(nil, false, name) },
		"timer ex": func(name string) (Handle, error) { return CreateWaitableTimerEx(nil, name, 0, TIMER_ALL_ACCESS) },
		"section": func(name string) (Handle, error) {
			return CreateFileMapping(INVALID_HANDLE_VALUE, nil, PAGE_READWRITE, 0, 1, name)
		},
		"section numa": func(name string) (Handle, error) {
			return CreateFileMappingNuma(INVALID_HANDLE_VALUE, nil, PAGE_READWRITE, 0, 1, name, NUMA_NO_PREFERRED_NODE)
		},
		"job": func(name string) (Handle, error) { return CreateJobObject(nil, name) },
	} {
		first, err := create(name + what)
		if first == 0 || err != nil {
			t.Errorf("%s: handle %#x, %v", what, first, err)
		}
		second, err := create(name + what)
		if second == 0 || err != ERROR_ALREADY_EXISTS {
			t.Errorf("%s that exists: handle %#x, %v", what, second, err)
		}
		for _, h := range []Handle{first, second} {
			if err := CloseHandle(h); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}
