package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"atoll"
)

const lockLong = `Run a command while a mutex is held, which is made if it does not exist. The
exit status is the command's; 128+N if signal N ended it; 124 if the mutex
could not be had within --timeout; 125 if atoll itself failed.

If the owner before died without releasing the mutex, what it guards may be
half done: that is reported on standard error, and the command finds the dead
process's number in ATOLL_ABANDONED (0: unknown). With --strict the command is
not run then, and the exit status is 3; the mutex counts as repaired after
that.

Signals (SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2) are passed on to
the command. If atoll is killed (kill -9), the mutex is abandoned and the
command is killed too, unless --keep is given; to end all that it started, run
it by atoll job run --kill-on-close.`

type lockFlags struct {
	timeout      time.Duration
	limited      bool // --timeout was given
	strict, keep bool
	security     *atoll.Security
}

func newLock() *cobra.Command {
	f := &lockFlags{}
	cmd := &cobra.Command{
		Use:   "lock NAME [flags] -- COMMAND…",
		Short: "Run a command while holding a mutex",
		Long:  lockLong,
		Example: `  atoll lock build -- make
  atoll lock database --timeout 30s -- ./migrate
  atoll lock 'Global\printer' --mode 666 -- lp report.pdf`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch dash := cmd.ArgsLenAtDash(); {
			case dash < 0:
				return usage("put -- before the command to run: atoll lock NAME [flags] -- COMMAND…")
			case dash != 1 || args[0] == "":
				return usage("atoll lock wants one name before --")
			case len(args) == dash:
				return usage("there is no command behind --")
			case f.timeout < 0:
				return usage("--timeout cannot be negative; 0 tries once")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.limited = cmd.Flags().Changed("timeout")
			return ownFailure(lock(cmd, f, args[0], args[1:]))
		},
		ValidArgsFunction: completeNames(atoll.TypeMutex),
	}
	flags := cmd.Flags()
	flags.DurationVar(&f.timeout, "timeout", 0, "give up after that long, with exit status 124; 0: try once")
	flags.BoolVar(&f.strict, "strict", false, "do not run the command if the mutex was abandoned")
	flags.BoolVar(&f.keep, "keep", false, "if atoll is killed (kill -9), let the command go on")
	flags.Var(&rightsFlag{kind: "octal", read: readMode, to: &f.security}, "mode", "of a new mutex: who may lock it, as for chmod (default 600)")
	return cmd
}

func lock(cmd *cobra.Command, f *lockFlags, name string, command []string) (err error) {
	m, _, err := atoll.CreateOrOpenMutex(name, atoll.MutexOptions{Security: f.security})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	previous, err := f.take(m)
	if err != nil {
		return err
	}
	// From here on a signal must not end this process without giving the mutex up.
	signals, stop := notify()
	defer stop()
	defer func() { err = errors.Join(err, m.Unlock()) }()
	if previous != nil {
		if f.strict {
			return &statusError{statusAbandoned, fmt.Errorf("%s was %v; the command was not run (--strict)", show(name), previous)}
		}
		_, _ = fmt.Fprintln(cmd.ErrOrStderr(), plain(fmt.Sprintf("atoll: %s was %v", show(name), previous)))
		if err := os.Setenv("ATOLL_ABANDONED", fmt.Sprint(previous.PID)); err != nil {
			return err
		}
	}
	return runCommand(command, signals, f.keep)
}

// take locks the mutex, within the time that was given.
func (f *lockFlags) take(m *atoll.Mutex) (*atoll.Abandoned, error) {
	w := waitFlags{timeout: f.timeout, limited: f.limited}
	ctx, cancel := w.limit()
	defer cancel()
	previous, err := m.Lock(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, &statusError{statusTimeout, fmt.Errorf("%s was not to be had within %v%s", show(m.Name()), f.timeout, ownerOf(m.Name()))}
	}
	return previous, err
}

// ownerOf says who keeps a mutex, if that is to be seen.
func ownerOf(name string) string {
	info, err := atoll.Stat(name)
	if err != nil || info.Owner == nil {
		return ""
	}
	return fmt.Sprintf(": it is owned by %s (atoll explain says more)", showProcess(*info.Owner))
}
