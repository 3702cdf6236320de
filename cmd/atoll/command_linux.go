package main

import (
	"os"
	"syscall"
)

// otherSignals are passed on to commands, and end nothing here.
var otherSignals = []os.Signal{syscall.SIGUSR1, syscall.SIGUSR2}

// dieWithParent has the kernel kill a process when the thread ends that started it.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
