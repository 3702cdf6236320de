package win32

import "syscall"

// Errno is an error number of Windows. Where the same number means the same,
// errors.Is finds the errors of package fs.
type Errno = syscall.Errno
