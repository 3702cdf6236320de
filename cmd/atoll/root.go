package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"atoll"
)

// Exit statuses.
const (
	statusDone    = 0
	statusFailure = 1
	statusUsage   = 2
	statusTimeout = 124
	statusOwn     = 125 // of a command that runs another one: its own failure
	statusSignal  = 128 // plus the signal that ended the other one
)

// statusError is an error with an exit status of its own. A nil err says nothing.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

// usage is wrong use of the command line.
func usage(format string, args ...any) error {
	return &statusError{statusUsage, fmt.Errorf(format, args...)}
}

const rootLong = `Named objects as Windows has them, on Linux: sections of shared memory or of a
file, mutexes, semaphores, events, timers and jobs. An object exists as long as
any process has a handle to it, and is gone with the last one, however that
ends.

Names: "prices" and 'Local\prices' are one object of this user;
'Global\prices' is shared by all users. Quote the backslash for the shell.

Exit status: 0 done or signaled; 1 failure; 2 wrong use; 3 signaled, but
abandoned; 124 timed out. Commands that run another one return its status, and
125 for a failure of their own.`

const rootExample = `  atoll demo
  atoll create section prices --size 1M &
  echo 42 | atoll write prices
  atoll dump prices --length 16
  atoll ls`

// noNumber is how package strconv says that a flag's value is no number.
var noNumber = regexp.MustCompile(`strconv\.\w+: parsing .*: (invalid syntax|value out of range)`)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "atoll",
		Short:         "Named kernel objects, as Windows has them, on Linux",
		Long:          rootLong,
		Example:       rootExample,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("a command is missing; atoll --help lists them")
			}
			text := fmt.Sprintf("there is no command %q", args[0])
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				text += fmt.Sprintf("; there is %q", near[0])
			}
			return usage("%s; atoll --help lists them all", text)
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		text := noNumber.ReplaceAllString(err.Error(), "it is no whole number")
		return usage("%s; %s --help shows the flags", text, cmd.CommandPath())
	})
	root.AddCommand(newDemo(), newDemoProcess(), newLs(), newInfo(), newCreate(), newRead(), newWrite(), newDump(), newSweep(), newWait(), newLock(), newSet(), newReset(), newPulse(), newRelease(), newTimer(), newTop(), newExplain(), newRecord(), newReplay(), newJob(), newExport(), newMan(), newSetup(), newDoctor(), newVersion())
	root.InitDefaultCompletionCmd()
	if c, _, err := root.Find([]string{"completion"}); err == nil {
		c.Args = cobra.ArbitraryArgs
		for _, shell := range c.Commands() {
			shell.Args = exactly(0, "no arguments")
		}
		c.RunE = func(*cobra.Command, []string) error {
			return usage("which shell? bash, zsh, fish or powershell; atoll completion bash --help says how to install it")
		}
	}
	return root
}

// exactly wants that many arguments; what names them for the error.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usage("%s wants %s; try %s --help", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

// run is the whole program; it returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return statusDone
	}
	status, silent := statusFailure, false
	if s, ok := errors.AsType[*statusError](err); ok {
		status, silent = s.status, s.err == nil
	}
	if !silent {
		_, _ = fmt.Fprintln(stderr, oneLine(err))
	}
	return status
}

// oneLine is an error for the terminal: one line, with the way out if we know one.
func oneLine(err error) string {
	text := sentence(distinct(err.Error()))
	if !strings.HasPrefix(text, "atoll: ") {
		text = "atoll: " + text
	}
	if way := wayOut(err); way != "" {
		text += " (" + way + ")"
	}
	return text
}

// distinct leaves out the lines of joined errors that say what one before says.
func distinct(text string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if !slices.ContainsFunc(lines, func(before string) bool { return strings.HasSuffix(before, line) }) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// wayOut is what to do about an error of the library whose text does not say it.
func wayOut(err error) string {
	const pathNotFound = 3 // Win32: the prefix is no name space, and the text says so
	e, ok := errors.AsType[*atoll.Error](err)
	switch {
	case !ok || e.Win32() == pathNotFound || strings.Contains(err.Error(), "atoll sweep"):
		return ""
	case errors.Is(err, fs.ErrExist) && !strings.Contains(err.Error(), "over another file") && !strings.Contains(err.Error(), "one of memory"):
		return "--or-open uses the existing one"
	case strings.Contains(err.Error(), "base directory") && !strings.Contains(err.Error(), "set ATOLL_ROOT"):
		return "atoll doctor says what to do"
	case errors.Is(err, atoll.ErrWrongType) && e.Name != "":
		return "atoll ls shows the types"
	case errors.Is(err, fs.ErrNotExist) && e.Name != "":
		return "atoll ls shows what exists"
	}
	return ""
}
