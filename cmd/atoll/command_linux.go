package main

import "syscall"

// dieWithParent has the kernel kill a process when the thread ends that started it.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
