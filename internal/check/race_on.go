//go:build race

package check

import (
	"runtime"
	"unsafe"
)

// Race says whether the race detector is in this build.
const Race = true

// Acquire tells the race detector that what was released at p happened before.
func Acquire(p unsafe.Pointer) { runtime.RaceAcquire(p) }

// Release tells the race detector that what happened so far is visible to
// whoever acquires at p.
func Release(p unsafe.Pointer) { runtime.RaceReleaseMerge(p) }
