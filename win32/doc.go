// Package win32 has the objects of package atoll with Microsoft's names, arguments,
// constants and error numbers, so that a program written for Windows moves by
// changing an import.
//
// On Windows each function is the system's own. On Linux a table of handles, one for
// each process, leads to the same objects that package atoll uses: both see each
// other's. What cannot be the same is in docs/PLATFORMS.md, and docs/CONFORMANCE.md
// has what was checked, case by case.
//
// Signatures, types and constants are those of golang.org/x/sys/windows where it has
// them, and like them where it has not, but for this:
//
//   - names, paths and command lines are Go strings, without UTF16PtrFromString, and
//     [NullName] stands for the NULL pointer; an environment is a list of strings;
//   - [GetCurrentProcess] and [GetCurrentThread] return a handle and no error, as
//     CurrentProcess and CurrentThread do there;
//   - what goes with a packet of [GetQueuedCompletionStatus] and
//     [PostQueuedCompletionStatus] is a number, and no pointer: that of a process, in a
//     job's messages;
//   - [SetFileInformationByHandle] takes the address as a number, as
//     [SetInformationJobObject] does;
//   - a descriptor is read by [ConvertStringSecurityDescriptorToSecurityDescriptor], a SID
//     by [ConvertStringSidToSid].
//
// A Create that finds an object returns a valid handle and [ERROR_ALREADY_EXISTS].
// Errors are of type [Errno]. A wait that times out is no error: it returns
// [WAIT_TIMEOUT]. On Linux what is to be told at nil gives [ERROR_NOACCESS], and nothing
// is done; on Windows such a call may fault.
//
// A mutex belongs to the operating system's thread that waited for it. A goroutine
// that uses one calls runtime.LockOSThread first; so does one that waits for APCs.
package win32

//go:generate go -C ../tools tool mkwinsyscall -output ../win32/zsyscall_windows.go ../win32/syscall_windows.go
