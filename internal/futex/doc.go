// Package futex is the calls by which threads sleep on a word of memory and are
// woken, with a contract for each error. It knows no objects; it is the only
// package that knows these syscall numbers.
//
// Never used: priority inheritance and requeue, where nearly all security bugs
// of futexes were.
package futex
