// Command bench measures Atoll beside everything else that shares memory and locks by
// name, in one run, in turns, and says medians.
//
//	go run ./bench                          all that is installed
//	go run ./bench --metric pingpong        one metric
//	go run ./bench --subject atoll,Wine     these only
//	go run ./bench --doc docs/PERFORMANCE.md
//
// Each figure is printed by a small program that does nothing else: for Atoll and the
// peers in Go one in folder programs, and those in C, C++, Python and for Windows in
// folder peers. They are built when they are needed. All of them are called alike, and
// print alike: see kind.
package main
