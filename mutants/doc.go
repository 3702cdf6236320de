// Package mutants proves that the tests see what they are for: it seeds bugs into
// the protocols, one at a time, and for each of them one named test must fail, and
// say what the bug does.
//
// The bugs are in table_test.go. That each still fits the sources is part of every
// run of the tests; whether it is caught takes a minute or two, and a build tag:
//
//	go test -tags mutants -v ./mutants
//
// The package has no code for programs to use.
package mutants
