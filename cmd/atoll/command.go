package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
)

// ownFailure gives an error the status that says that atoll failed, not the
// command it was to run.
func ownFailure(err error) error {
	if _, ok := errors.AsType[*statusError](err); ok || err == nil {
		return err
	}
	return &statusError{statusOwn, err}
}

// runCommand runs a command with our own input and output, and passes signals on
// to it. It returns the command's status as a statusError. Unless keep is set, the
// command is killed when this process dies.
func runCommand(args []string, signals <-chan os.Signal, keep bool) error {
	c := exec.Command(args[0], args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	if !keep {
		// The kernel means the thread that starts the command: it must not end before.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		c.SysProcAttr = dieWithParent()
	}
	if err := c.Start(); err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err // "fork/exec" helps nobody
		}
		return fmt.Errorf("cannot run %s: %w", args[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for {
		select {
		case s := <-signals:
			if (s == os.Interrupt || s == syscall.SIGQUIT) && atTerminal() {
				continue // the terminal has sent it to the command as well
			}
			_ = c.Process.Signal(s)
		case err := <-ended:
			return commandStatus(err)
		}
	}
}

// notify passes the signals on that are for a command. One that is ignored, as
// nohup has it for SIGHUP, stays so, for the command too.
func notify() (signals chan os.Signal, stop func()) {
	signals = make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	for _, s := range append(otherSignals, syscall.SIGHUP, syscall.SIGQUIT) {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	return signals, func() { signal.Stop(signals) }
}

func commandStatus(err error) error {
	e, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return err
	}
	if w, ok := e.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return &statusError{statusSignal + int(w.Signal()), nil}
	}
	return &statusError{e.ExitCode(), nil}
}

// atTerminal says whether this process is in the foreground of a terminal, whose
// Ctrl-C every process of the foreground gets.
func atTerminal() bool {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return false
	}
	// pid (comm) state ppid pgrp session tty_nr tpgid …; comm may have anything
	// in it, also parentheses.
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	return len(fields) > 5 && fields[2] == fields[5]
}
