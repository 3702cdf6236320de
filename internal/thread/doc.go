// Package thread answers one question: which thread of the operating system is this,
// what belongs to it, and what becomes of that when it ends?
//
// It is for what Windows has by thread: who owns a mutex, and who runs an APC. A
// goroutine stays on its thread only between runtime.LockOSThread and UnlockOSThread;
// if it ends in between, so does the thread. But Go never ends a process's first
// thread: a goroutine that was locked to that leaves it behind, asleep, for good.
package thread
