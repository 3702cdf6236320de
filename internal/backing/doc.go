// Package backing is the bytes behind an object: memory with a name or without,
// ordinary pages or large ones, or a file of the caller's; whether there is room
// for them, and what to say if there is not.
package backing
