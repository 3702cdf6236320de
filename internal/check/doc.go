// Package check marks the moments at which a test may stop or kill the process,
// and tells the race detector what it cannot see.
//
// Without the build tag atollcheck a Point compiles to nothing. With it, a test
// may install a hook that is called at each point by name; .ci/run builds the
// whole suite both ways.
//
// The race detector does not look at mapped memory, so it would not know that a
// lock whose word lies there orders two goroutines. Acquire and Release tell it;
// without -race they compile to nothing.
package check
