// Package park is how one process waits on many futex words at once, without a
// thread for each: an Arm is one such wait, which lasts until it fires.
//
// There are three ways, of which a probe chooses the first that this system has:
// io_uring's futex wait (Linux 6.7), with one thread for all; futex_waitv (Linux
// 5.16), with a thread for up to 127; and a thread for each.
package park
