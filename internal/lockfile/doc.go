// Package lockfile is the files on which Atoll stands: whole before they have a
// name, and locked by whoever is alive. Objects and members are both such files.
//
// Locks are open file description locks: they belong to the description, not to
// the process, and the kernel drops them when its last descriptor is closed,
// however the process ends. None of the calls here waits for a lock.
package lockfile
