// Package namespace turns a name into an object and back into nothing: the
// grammar of names, the directories they live in, and the life of a name by the
// handles that are open to it.
//
// A named object is one file in a directory on tmpfs. Every process that has a
// handle holds byte 0 of the file shared, by one open file description; the
// kernel drops that lock when the process ends, however it ends. The object
// exists as long as anybody holds the byte. models/names.pml proves the steps.
package namespace
