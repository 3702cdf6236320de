// Package ending answers one question: who is told when a process or a thread ends,
// and how?
package ending
