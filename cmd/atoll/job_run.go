package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"atoll"
)

const jobRunLong = `Run a command in a job: it and all that it starts. The exit status is the
command's; 128+N if signal N ended it, as when the job is killed; 124 if
--timeout ended the job; 125 if atoll itself failed.

The job has its name as long as this command runs, or another process has a
handle. What the command leaves running goes on without the name, unless
--kill-on-close ends it: with this command, however that ends, unless another
process has a handle.

Limits that were hit are reported on standard error.`

const jobRunExample = `  atoll job run build --memory 2G --pids 200 --kill-on-close -- make -j8
  atoll job run guest --cpu 50% --nice 10 -- ./worker
  atoll job run test --timeout 5m --kill-on-close -- go test ./...`

type jobRunFlags struct {
	limitFlags
	kill, orOpen, breakaway bool
	timeout                 time.Duration
}

func newJobRun() *cobra.Command {
	f := &jobRunFlags{}
	cmd := &cobra.Command{
		Use:     "run NAME [flags] -- COMMAND…",
		Short:   "Run a command in a job",
		Long:    jobRunLong,
		Example: jobRunExample,
		Args: func(cmd *cobra.Command, args []string) error {
			switch dash := cmd.ArgsLenAtDash(); {
			case dash < 0:
				return usage("put -- before the command to run: atoll job run NAME [flags] -- COMMAND…")
			case dash != 1:
				return usage("atoll job run wants one name before --, not %d", dash)
			case len(args) == dash:
				return usage("there is no command behind --")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			limits, err := f.limits(cmd, atoll.JobLimits{})
			if err != nil {
				return err
			}
			return ownFailure(jobRun(cmd.ErrOrStderr(), f, limits, args[0], args[1:]))
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&f.kill, "kill-on-close", false, "end all processes with the job's last handle")
	cmd.Flags().BoolVar(&f.breakaway, "breakaway", false, "the job's processes may start others outside it")
	cmd.Flags().BoolVar(&f.orOpen, "or-open", false, "if it exists already, run the command in the existing one, with its limits")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "end the job after this time")
	return cmd
}

func jobRun(stderr io.Writer, f *jobRunFlags, limits atoll.JobLimits, name string, command []string) (err error) {
	signals, stop := notify()
	defer stop()
	o := atoll.JobOptions{Limits: limits, KillOnClose: f.kill, Breakaway: f.breakaway}
	j, err := obtainJob(name, o, f.orOpen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	c := exec.Command(command[0], command[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	if c.Err != nil {
		return fmt.Errorf("cannot run %s: %w", command[0], c.Err)
	}
	defer reportLimits(stderr, j)()
	if err := j.Start(c); err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			return fmt.Errorf("cannot run %s: %w", command[0], e.Err)
		}
		return err
	}
	return awaitCommand(j, c, signals, f.timeout)
}

func obtainJob(name string, o atoll.JobOptions, orOpen bool) (*atoll.Job, error) {
	if !orOpen {
		return atoll.CreateJob(name, o)
	}
	j, _, err := atoll.CreateOrOpenJob(name, o)
	return j, err
}

// awaitCommand waits for the command's end, passes signals on to it, and ends the job
// when the time is over.
func awaitCommand(j *atoll.Job, c *exec.Cmd, signals <-chan os.Signal, timeout time.Duration) error {
	var over <-chan time.Time
	if timeout > 0 {
		over = time.After(timeout)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	late := false
	for {
		select {
		case s := <-signals:
			if (s == os.Interrupt || s == syscall.SIGQUIT) && atTerminal() {
				continue // the terminal has sent it to the command as well
			}
			_ = c.Process.Signal(s)
		case <-over:
			late = true
			if err := j.Terminate(statusTimeout); err != nil {
				return err
			}
		case err := <-ended:
			if late {
				return &statusError{statusTimeout, fmt.Errorf("the job was ended after %v", timeout)}
			}
			return commandStatus(err)
		}
	}
}

// limitTexts are what is reported of a job.
var limitTexts = map[atoll.JobEventKind]string{
	atoll.JobProcessLimit: "the job had more processes than it may, and some were ended (--pids)",
	atoll.JobMemoryLimit:  "the job had more memory than it may, and a process was ended (--memory)",
	atoll.JobTimeLimit:    "the job's time is over (--cpu-time)",
}

// reportLimits says on w which limits of a job are hit, each once, until stop is
// called, which looks a last time: why something ended is known before it is gone.
func reportLimits(w io.Writer, j *atoll.Job) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	said := make(map[atoll.JobEventKind]bool)
	look := func() {
		for e, err := range j.Events(ctx) {
			if text := limitTexts[e.Kind]; err == nil && text != "" && !said[e.Kind] {
				said[e.Kind] = true
				_, _ = fmt.Fprintf(w, "atoll: %s\n", text)
			}
		}
	}
	go func() {
		defer close(done)
		look()
	}()
	return func() {
		cancel()
		<-done
		look()
	}
}
