// Command bench measures Atoll beside everything else that shares memory and locks by
// name, in one run, in turns, and says medians.
//
//	go run ./bench                          all that is installed
//	go run ./bench --metric pingpong        one metric
//	go run ./bench --subject atoll,Wine     these only
//	go run ./bench --doc docs/PERFORMANCE.md
//
// Each figure is printed by a program that does nothing else: this one again, for
// Atoll and the peers in Go, and small ones in C, C++, Python and for Windows, in
// folder peers, which are compiled when they are needed. All of them are called alike,
// and print alike: see program.
package main
