// Package testkit is what Atoll's tests share: a directory of objects of their
// own, child processes played by the test binary itself, named times, and the
// counts that must be zero at the end.
package testkit
