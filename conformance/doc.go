// Package conformance answers one question: is it the same as Windows? It has a
// test for each line of the checklist of what Windows does, in tables by area, over
// package win32: on Linux, on Windows, and under Wine.
//
//	go test ./conformance
//	GOOS=windows go test -exec "$PWD/conformance/wine" ./conformance
//	go run ./conformance/report
//
// A line says what is set up and called, what comes of it on Windows, and on
// which systems that is known to differ. The last command runs both sides and counts;
// docs/CONFORMANCE.md is written by it.
package conformance
