// Package models holds what Atoll's protocols are proven with: Promela models
// of the life of a name (names.pml), of a state cell (cell.pml), of an event's word
// (grants.pml), of the only handle of a mutex (sole.pml) and of waits for several
// objects (several.pml), and the test that has Spin search every interleaving of
// them.
//
// A model is worth what it refuses. So each has variants with one step left
// out or done in another order, and the test fails if Spin finds nothing wrong
// with one of these. README.md tells what each shows.
//
// The package has no code for programs to use.
package models
