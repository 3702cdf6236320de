package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

const demoLong = `Start two processes that share a file and a block of memory, and tell what they
do.

The maker creates a section over a file, a section of memory, a mutex and two
events, all by name. The reader opens them by name. They send each other blocks
through both sections, and check every byte. Then the maker takes the mutex and
is killed with kill -9: the reader gets the mutex, is told who abandoned it, and
goes on. In the end nothing is left: no object, no file, no descriptor.

The exit status is 0 only if all of that was so.`

// demoPlan is what a demo does, for all of its processes.
type demoPlan struct {
	Prefix string // of the names of objects
	File   string // the path of the shared file
	Rounds int
	Size   int64  // bytes of a block
	Fault  string // for tests: what to do wrong
}

func newDemo() *cobra.Command {
	plan := demoPlan{}
	size := byteCount(64 << 10)
	var asJSON bool
	var pause time.Duration
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Let two processes share a file and memory, kill one, and show that nothing is lost",
		Long:  demoLong,
		Example: `  atoll demo
  atoll demo --rounds 10000 --size 1M
  atoll demo --pause 30s     # and in a second shell: atoll ls`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case plan.Rounds < 2:
				return usage("--rounds must be at least 2: one through memory, one through the file")
			case size <= 0 || size%4096 != 0 || size > 1<<30:
				return usage("--size must be a multiple of 4K, and at most 1G")
			case pause < 0:
				return usage("--pause must not be negative")
			}
			plan.Size = int64(size)
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			out := cmd.OutOrStdout()
			if asJSON {
				out = io.Discard
			}
			result, err := runDemo(ctx, plan, pause, out)
			if err == nil && asJSON {
				return printJSON(cmd.OutOrStdout(), result)
			}
			return err
		},
	}
	cmd.Flags().IntVar(&plan.Rounds, "rounds", 2000, "how often a block goes there and another one back")
	cmd.Flags().Var(&size, "size", "of a block, such as 64K, 1M")
	cmd.Flags().DurationVar(&pause, "pause", 0, "wait that long after the exchange, to look at the objects with atoll ls")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print only the results, as a JSON object")
	cmd.Flags().StringVar(&plan.Fault, "fault", "", "for tests: do something wrong (byte, file, holder)")
	_ = cmd.Flags().MarkHidden("fault")
	return cmd
}

// newDemoProcess is the hidden command that the demo runs in its processes.
func newDemoProcess() *cobra.Command {
	return &cobra.Command{
		Use:    "demo-process ROLE PLAN",
		Short:  "One of the demo's processes",
		Hidden: true,
		Args:   exactly(2, "a role and a plan (it is run by atoll demo)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var plan demoPlan
			if err := json.Unmarshal([]byte(args[1]), &plan); err != nil {
				return usage("the plan: %w", err)
			}
			play := demoRoles[args[0]]
			if play == nil {
				return usage("no role %q", args[0])
			}
			// A Ctrl-C at the terminal reaches us too, and a parent that was killed
			// cannot hear us any more: we end in order all the same.
			signal.Ignore(os.Interrupt, syscall.SIGPIPE)
			ctx, end := context.WithCancel(cmd.Context())
			defer end()
			line := listenToParent(end, cmd.InOrStdin(), cmd.OutOrStdout())
			if err := play(ctx, plan, line); err != nil {
				line.say(demoReport{Error: plain(err.Error())})
				return &statusError{status: statusFailure}
			}
			return nil
		},
	}
}

// demoRoles are what demo-process can play.
var demoRoles = map[string]func(context.Context, demoPlan, *parentLine) error{
	"maker":  playMaker,
	"reader": playReader,
}
