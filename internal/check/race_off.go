//go:build !race

package check

import "unsafe"

// Race says whether the race detector is in this build.
const Race = false

// Acquire tells the race detector that what was released at p happened before.
func Acquire(unsafe.Pointer) {}

// Release tells the race detector that what happened so far is visible to
// whoever acquires at p.
func Release(unsafe.Pointer) {}
