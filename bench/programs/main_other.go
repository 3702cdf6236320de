//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "programs: the peers are Linux's; run it there")
	os.Exit(1)
}
