// Package futex is the calls by which threads sleep on a word of memory and are
// woken, with a contract for each error. It knows no objects. Only package park,
// which needs more of the kernel's answers, knows these system calls as well.
//
// Never used: priority inheritance and requeue, where nearly all security bugs
// of futexes were.
package futex
