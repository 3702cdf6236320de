package win32

import "atoll/internal/kernel32"

func closeHandle(handle Handle) error { return errno(kernel32.CloseHandle(kernel32.Handle(handle))) }
