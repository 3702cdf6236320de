// Package win32 has the objects of package atoll with Microsoft's names, arguments,
// constants and error numbers, so that a program written for Windows moves by
// changing an import.
//
// On Windows each function is the system's own. On Linux a table of handles, one for
// each process, leads to the same objects that package atoll uses: both see each
// other's. What cannot be the same is in docs/PLATFORMS.md, and docs/CONFORMANCE.md
// has what was checked, case by case.
//
// Signatures are those of golang.org/x/sys/windows where it has the call, and like
// them where it has not. Names are Go strings; [NullName] stands for the NULL pointer.
// A Create that finds an object returns a valid handle and [ERROR_ALREADY_EXISTS].
// Errors are of type [Errno]. A wait that times out is no error: it returns
// [WAIT_TIMEOUT]. On Linux what is to be told at nil gives [ERROR_NOACCESS], and nothing
// is done; on Windows such a call may fault.
//
// A mutex belongs to the operating system's thread that waited for it. A goroutine
// that uses one calls runtime.LockOSThread first; so does one that waits for APCs.
package win32

//go:generate go -C ../tools tool mkwinsyscall -output ../win32/zsyscall_windows.go ../win32/syscall_windows.go
