package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"atoll"
)

const statusAbandoned = 3 // signaled, but a mutex had been abandoned

const waitLong = `Wait until one of the objects is signaled (--any, which is also meant without
it), or all of them at one instant (--all). With --any the name of the object
is printed if there are several; it is the first in the list that is signaled.

A wait takes: an auto-reset event is reset, the count of a semaphore goes down
by one. A mutex is waited for until it is free, and is left free: atoll lock
holds one. --pid waits for a process to end.

Exit status: 0 signaled; 3 signaled, but a mutex had been abandoned by a
process that died while it owned it; 124 timed out; 1 failure.`

type waitFlags struct {
	any, all, asJSON bool
	timeout          time.Duration
	limited          bool // --timeout was given
	pids             []int
}

func newWait() *cobra.Command {
	f := &waitFlags{}
	cmd := &cobra.Command{
		Use:   "wait NAME…",
		Short: "Wait for objects",
		Long:  waitLong,
		Example: `  atoll wait go
  atoll wait --any go stop --timeout 10s
  atoll wait --all ready1 ready2 ready3
  atoll wait stop --pid 812`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args)+len(f.pids) == 0:
				return usage("atoll wait wants the name of an object, or --pid; try atoll wait --help")
			case f.any && f.all:
				return usage("--any and --all contradict each other")
			case f.timeout < 0:
				return usage("--timeout cannot be negative; 0 looks once")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.limited = cmd.Flags().Changed("timeout")
			return waitFor(cmd, f, args)
		},
		ValidArgsFunction: completeNames(atoll.TypeMutex, atoll.TypeSemaphore, atoll.TypeEvent, atoll.TypeTimer, atoll.TypeJob),
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.any, "any", false, "until one of them is signaled")
	flags.BoolVar(&f.all, "all", false, "until all of them are signaled at one instant")
	flags.DurationVar(&f.timeout, "timeout", 0, "give up after that long, with exit status 124; 0: look once")
	flags.IntSliceVar(&f.pids, "pid", nil, "a process, which is signaled when it has ended")
	flags.BoolVar(&f.asJSON, "json", false, "print a JSON object that says which")
	return cmd
}

// waitItem is what wait --json prints.
type waitItem struct {
	Index     int              `json:"index"`
	Name      string           `json:"name"`
	All       bool             `json:"all"`
	Abandoned *atoll.Abandoned `json:"abandoned"`
}

func waitFor(cmd *cobra.Command, f *waitFlags, names []string) (err error) {
	objects, labels, closeAll, err := waitables(names, f.pids)
	defer func() { err = errors.Join(err, closeAll()) }()
	if err != nil {
		return err
	}
	ctx, cancel := f.limit()
	defer cancel()
	wait := atoll.WaitAny
	if f.all {
		wait = atoll.WaitAll
	}
	r, err := wait(ctx, objects...)
	if errors.Is(err, context.DeadlineExceeded) {
		return &statusError{statusTimeout, fmt.Errorf("%s within %v (atoll explain says why)", f.late(), f.timeout)}
	}
	if err != nil {
		return err
	}
	if err := giveBack(objects, r, f.all); err != nil {
		return err
	}
	return f.report(cmd, r, labels)
}

// late says what did not come in time.
func (f *waitFlags) late() string {
	if f.all {
		return "not all were signaled at one instant"
	}
	return "nothing was signaled"
}

// limit is the context of a wait.
func (f *waitFlags) limit() (context.Context, context.CancelFunc) {
	if !f.limited {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), f.timeout)
}

// report says what the wait took.
func (f *waitFlags) report(cmd *cobra.Command, r atoll.Result, labels []string) (err error) {
	switch {
	case f.asJSON:
		err = printJSON(cmd.OutOrStdout(), waitItem{r.Index, labels[r.Index], f.all, r.Abandoned})
	case len(labels) > 1 && !f.all:
		_, err = fmt.Fprintln(cmd.OutOrStdout(), labels[r.Index])
	}
	if err == nil && r.Abandoned != nil {
		return &statusError{statusAbandoned, fmt.Errorf("%s was %v", show(labels[r.Index]), r.Abandoned)}
	}
	return err
}

// waitables opens what is to be waited for. closeAll closes what was opened, also
// beside an error.
func waitables(names []string, pids []int) (objects []atoll.Waitable, labels []string, closeAll func() error, err error) {
	var opened []atoll.Object
	closeAll = func() error {
		var failures []error
		for _, o := range opened {
			failures = append(failures, o.Close())
		}
		return errors.Join(failures...)
	}
	for _, name := range names {
		o, err := openAs(name, atoll.Wait, func(is atoll.Type) error {
			if is == atoll.TypeSection {
				return fmt.Errorf("%s is a section, which is never signaled", show(name))
			}
			return nil
		})
		if err != nil {
			return nil, nil, closeAll, err
		}
		opened = append(opened, o)
		objects, labels = append(objects, o.(atoll.Waitable)), append(labels, name)
	}
	for _, pid := range pids {
		w, err := atoll.WaitProcess(pid)
		if err != nil {
			return nil, nil, closeAll, err
		}
		objects, labels = append(objects, w), append(labels, fmt.Sprintf("pid %d", pid))
	}
	return objects, labels, closeAll, nil
}

// giveBack unlocks the mutexes that the wait took.
func giveBack(objects []atoll.Waitable, r atoll.Result, all bool) error {
	var failures []error
	for i, o := range objects {
		if m, ok := o.(*atoll.Mutex); ok && (all || i == r.Index) {
			failures = append(failures, m.Unlock())
		}
	}
	return errors.Join(failures...)
}
