//go:build !linux

package main

import (
	"os"
	"syscall"
)

var otherSignals []os.Signal

// dieWithParent would have the process die with this one, which only Linux can do.
func dieWithParent() *syscall.SysProcAttr { return nil }
