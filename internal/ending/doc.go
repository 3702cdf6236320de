// Package ending answers one question: who is told when a process ends?
package ending
