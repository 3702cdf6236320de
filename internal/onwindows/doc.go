// Package onwindows is the kernel of package atoll on Windows: the system's own
// objects, called. Nothing is emulated but who owns a mutex, which is a thread on
// Windows and a handle here: see keeper.go.
//
// Calls that golang.org/x/sys/windows lacks are in syscall.go; mkwinsyscall writes
// zsyscall_windows.go from it.
package onwindows

//go:generate go -C ../../tools tool mkwinsyscall -output ../internal/onwindows/zsyscall_windows.go ../internal/onwindows/syscall.go
