// Package kernel32 answers one question: what would Windows' kernel32 do, with what
// Linux and package onlinux have? It has the table of handles of this process, and a
// function for each call of package win32, which documents them.
package kernel32
