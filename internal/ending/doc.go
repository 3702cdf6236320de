// Package ending answers one question: who is told when a process ends, and how?
package ending
