//go:build !linux

package conformance

// grouped says whether this system keeps a job's processes together itself.
func grouped() bool { return true }
