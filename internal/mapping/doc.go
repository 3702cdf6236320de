// Package mapping answers one question: how does a part of a section appear in this
// process's memory on Linux, and what can be done with it there?
package mapping
