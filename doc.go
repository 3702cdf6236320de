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
// prepared. The empty name makes an unnamed object. Names are case-sensitive,
// have at most 32,766 UTF-16 units, and contain no backslash behind the prefix.
// All types share the names: a name that belongs to another type is ErrWrongType.
//
// # Life
//
// An object exists as long as any process has a handle to it. When the last
// handle is closed, or the last process that had one has ended, by kill -9 or
// otherwise, the name is free again at once. A view keeps the memory, but not the
// name. Handles are closed by Close; one that the garbage collector finds unclosed
// stays open until the process ends, and is reported in tests.
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
// Linux on amd64 and arm64. On other systems every call that makes or opens an
// object returns an error that wraps errors.ErrUnsupported. docs/PLATFORMS.md
// has what differs from Windows.
package atoll
