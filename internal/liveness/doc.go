// Package liveness knows who is alive. A process that uses synchronisation
// objects of a directory is a member of it: a file with a random number for a
// name, which it holds exclusively for life. The kernel drops that lock when the
// last thread of the process has left the kernel, and not before: nobody takes
// over anything of a member's earlier than that.
//
// The file also has a bell, a futex word that the kernel itself marks and wakes
// when the member's keeper thread dies (a robust list with one entry per bell),
// so that nobody needs to poll.
package liveness
