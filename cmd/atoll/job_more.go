package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"atoll"
)

// jobItem is what job ls --json prints of a job.
type jobItem struct {
	item
	PIDs    []int           `json:"pids"`
	Limits  atoll.JobLimits `json:"limits"`
	Stats   atoll.JobStats  `json:"stats"`
	Code    *int            `json:"code,omitempty"` // of the last time that it was ended
	Failure string          `json:"failure,omitempty"`
}

func newJobLs() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "ls",
		Short:   "List jobs, their processes and limits",
		Long:    "List the jobs that this user can see, with what their processes use.",
		Example: "  atoll job ls\n  atoll job ls --json | jq -r '.[].pids[]'",
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := listJobs()
			if asJSON {
				return errors.Join(printJSON(cmd.OutOrStdout(), list), err)
			}
			return errors.Join(printJobs(cmd.OutOrStdout(), list), err)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

// listJobs looks into all jobs. With an error it returns what it saw.
func listJobs() ([]jobItem, error) {
	all, err := listAll()
	list := []jobItem{}
	for _, i := range all {
		if i.Type != atoll.TypeJob {
			continue
		}
		one := jobItem{item: i, PIDs: []int{}}
		switch e := one.look(); {
		case errors.Is(e, fs.ErrNotExist):
			continue // it has just come to its end
		case e != nil:
			one.Failure = e.Error()
		}
		list = append(list, one)
	}
	return list, err
}

// look opens the job for as long as that takes.
func (i *jobItem) look() (err error) {
	if !i.Alive {
		return nil
	}
	j, err := atoll.OpenJob(i.Name, atoll.Query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	if i.Limits, err = j.Limits(); err != nil {
		return err
	}
	if code, ok, err := j.Terminated(); err == nil && ok {
		i.Code = &code
	}
	if pids, err := j.Processes(); err == nil && pids != nil {
		i.PIDs = pids
	}
	i.Stats, err = j.Stats()
	return err
}

func printJobs(w io.Writer, list []jobItem) error {
	table := newTable(w)
	var text strings.Builder
	text.WriteString("NAME\tPROCESSES\tCPU\tMEMORY\tSTATE\tLIMITS\tHOLDERS\n")
	for i := range list {
		one := &list[i]
		_, _ = fmt.Fprintf(&text, "%s\t%d\t%v\t%s\t%s\t%s\t%s\n", show(one.Name), one.Stats.Processes,
			(one.Stats.User + one.Stats.System).Round(time.Millisecond), showSize(int64(one.Stats.Memory)),
			one.state(), showLimits(one.Limits), showProcesses(one.Holders))
	}
	if _, err := io.WriteString(table, text.String()); err != nil {
		return err
	}
	return table.Flush()
}

func (i *jobItem) state() string {
	switch {
	case i.Failure != "":
		return "unreadable: " + show(i.Failure)
	case i.Code != nil:
		return fmt.Sprintf("ended with %d", *i.Code)
	}
	return showState(&i.Info)
}

func newJobKill() *cobra.Command {
	var code int
	cmd := &cobra.Command{
		Use:   "kill NAME",
		Short: "End all processes of a job",
		Long: `End all processes of a job at once, by SIGKILL, also those of jobs inside it,
and signal the job. It can be used further.`,
		Example:           "  atoll job kill build\n  atoll job kill build --code 3",
		Args:              exactly(1, "the name of a job"),
		ValidArgsFunction: completeNames(atoll.TypeJob),
		RunE: func(_ *cobra.Command, args []string) error {
			return withJob(args[0], atoll.Modify, func(j *atoll.Job) error { return j.Terminate(code) })
		},
	}
	cmd.Flags().IntVar(&code, "code", 1, "what to record as the code that it was ended with")
	return cmd
}

func newJobLimit() *cobra.Command {
	f := &limitFlags{}
	cmd := &cobra.Command{
		Use:   "limit NAME [flags]",
		Short: "Change a job's limits",
		Long:  "Change the limits of a job and of its processes; those without a flag stay.\n0 is no limit.",
		Example: `  atoll job limit build --pids 50
  atoll job limit build --memory 0`,
		Args:              exactly(1, "the name of a job"),
		ValidArgsFunction: completeNames(atoll.TypeJob),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withJob(args[0], atoll.Modify, func(j *atoll.Job) error {
				old, err := j.Limits()
				if err != nil {
					return err
				}
				limits, err := f.limits(cmd, old)
				if err != nil {
					return err
				}
				return j.SetLimits(limits)
			})
		},
	}
	f.register(cmd)
	return cmd
}

func withJob(name string, access atoll.Access, do func(*atoll.Job) error) (err error) {
	j, err := atoll.OpenJob(name, access)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	return do(j)
}

func newJobWatch() *cobra.Command {
	var asJSON, untilEmpty bool
	cmd := &cobra.Command{
		Use:   "watch NAME",
		Short: "Print what happens in a job",
		Long: `Print a line for each process that is in the job, comes or goes, for each limit
that is hit, and for the end of the job, until interrupted. It holds the job
meanwhile: --kill-on-close waits for it. Processes that live for less than 20
ms may be missed.`,
		Example:           "  atoll job watch build\n  atoll job watch build --json --until-empty",
		Args:              exactly(1, "the name of a job"),
		ValidArgsFunction: completeNames(atoll.TypeJob),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withJob(args[0], atoll.Query, func(j *atoll.Job) error {
				return watchJob(cmd.OutOrStdout(), j, asJSON, untilEmpty)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object on each line")
	cmd.Flags().BoolVar(&untilEmpty, "until-empty", false, "end with the job's last process")
	return cmd
}

// eventLine is what watch --json prints of an event.
type eventLine struct {
	Time time.Time `json:"time"`
	atoll.JobEvent
}

func watchJob(w io.Writer, j *atoll.Job, asJSON, untilEmpty bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for e, err := range j.Events(ctx) {
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := printEvent(w, e, asJSON); err != nil {
			return err
		}
		if untilEmpty && e.Kind == atoll.JobEmpty {
			return nil
		}
	}
	return nil
}

func printEvent(w io.Writer, e atoll.JobEvent, asJSON bool) error {
	now := time.Now()
	if asJSON {
		return json.NewEncoder(w).Encode(eventLine{now, e})
	}
	text := now.Format("15:04:05.000") + " " + e.Kind.String()
	if e.PID != 0 {
		text += fmt.Sprintf(" %d", e.PID)
	}
	_, err := fmt.Fprintln(w, text)
	return err
}
