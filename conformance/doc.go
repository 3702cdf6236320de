// Package conformance answers one question: is it the same as Windows? It has a
// test for each line of the checklist of what Windows does, in tables by area, over
// package win32: on Linux, on Windows, and under Wine.
package conformance
