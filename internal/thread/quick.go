//go:build linux

package thread

import (
	"runtime"
	"strings"
	"sync/atomic"
	"unsafe"
)

// To ask the kernel which thread this is, and whether the one that had the number is
// not another, takes much longer than to lock a mutex. So threads are remembered by
// what Go's runtime keeps of them: to each thread that it makes belongs one m from the
// beginning to the end, and whose pointer somebody has, that is not given to another by
// the garbage collector.
//
// Threads that C makes, and that call Go, are not remembered: they borrow an m.
var quick [quickThreads]atomic.Pointer[Thread]

const quickThreads = 1 << 8

// getm is the calling thread's m. Go promises other packages to keep it (go.dev/issue/67401).
//
//go:linkname getm runtime.getm
func getm() uintptr

func place(m uintptr) *atomic.Pointer[Thread] {
	return &quick[uint64(m)*0x9E3779B97F4A7C15>>56]
}

// remembered is the calling thread, if it has been remembered; else nil.
func remembered() *Thread {
	m := getm()
	if t := place(m).Load(); t != nil && uintptr(t.m) == m {
		return t
	}
	return nil
}

// remember is for the thread itself, which its goroutine must not leave.
func (t *Thread) remember() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	m := getm()
	if !t.asked {
		t.asked = true
		if !calledByC() {
			t.m = *(*unsafe.Pointer)(unsafe.Pointer(&m))
		}
	}
	if t.m != nil {
		place(m).Store(t)
	}
}

// forget is for who ends the thread, and has its lock.
func (t *Thread) forget() {
	if t.m != nil {
		place(uintptr(t.m)).CompareAndSwap(t, nil)
	}
}

// calledByC says whether C has called Go on this thread, which it may have made.
func calledByC() bool {
	pc := make([]uintptr, 64)
	for skip := 0; ; skip += len(pc) {
		n := runtime.Callers(skip, pc)
		if n == 0 {
			return false
		}
		frames := runtime.CallersFrames(pc[:n])
		for more := true; more; {
			var f runtime.Frame
			f, more = frames.Next()
			if strings.HasPrefix(f.Function, "runtime.cgocallback") {
				return true
			}
		}
	}
}
