//go:build !windows

package win32

func localFree(Handle) (handle Handle, err error) { return 0, nil }
