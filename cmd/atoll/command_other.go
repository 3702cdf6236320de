//go:build !linux

package main

import "syscall"

// dieWithParent would have the process die with this one, which only Linux can do.
func dieWithParent() *syscall.SysProcAttr { return nil }
