// Package atoll gives Go programs what Windows calls named kernel objects: file
// mappings (sections) that share a file or memory between processes, views of
// them, and the objects that coordinate access to them, all in one name space,
// each alive exactly as long as a handle to it is open. On Linux it needs no
// daemon, no cgo and no privilege.
//
// # Names
//
// "prices" and `Local\prices` are one object, seen by all processes of this user;
// `Global\prices` is seen by all users, in a directory that an administrator
// prepared (Setup). `office\prices` is in the private namespace that this process
// has open as "office" (NewPrivateNamespace). The empty name makes an object
// without a name, which Start and Send pass on to other processes. Names are
// case-sensitive, have at most 32,766 UTF-16 units, and contain no backslash behind
// the prefix. All types share the names: a name that belongs to another type is
// ErrWrongType.
//
// # Rights
//
// A new object is its creator's user's alone, unless a Security says otherwise; the
// kernel enforces that. Beside it each handle has an Access, which says what may be
// done through it.
//
// # Life
//
// An object exists as long as any process has a handle to it. When the last
// handle is closed, or the last process that had one has ended, by kill -9 or
// otherwise, the name is free again at once. A view keeps the memory, but not the
// name. Handles are closed by Close; one that the garbage collector finds unclosed
// stays open until the process ends, and is reported in tests. A handle that is nil,
// or was not returned by this package, cannot be used: its methods panic.
//
// # Death of an owner
//
// A mutex whose owner died is handed to the next one, who is told: Lock returns
// an *Abandoned that says who died. Nobody gets it before the dead process has
// stopped writing.
//
// # Memory order
//
// What a goroutine did before Unlock is seen by whoever locks the mutex next, in
// any process. What it did before Set is seen by whoever is released by that Set.
// The bytes of a view are ordinary memory: without such an order, or atomic
// operations on words in it, there is no promise of when another process sees
// what was written. The race detector knows the orders made by Atoll's objects
// within one process, but does not see accesses to a view.
//
// # Systems
//
// Linux on amd64 and arm64. On Windows sections, views, objects to wait for, and
// waits, are the system's own; the rest, jobs among it, returns an error that wraps
// errors.ErrUnsupported. So does every call that makes or opens an object on other
// systems. docs/PLATFORMS.md has what differs.
package atoll
