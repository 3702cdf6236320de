// Command programs has the programs in Go that command bench calls: with the name of one
// in the environment, and the subject and the sizes as arguments.
package main
