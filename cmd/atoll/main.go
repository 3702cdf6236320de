// Command atoll looks at named objects, holds them for scripts, and shows what
// package atoll can do: run "atoll demo".
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }
