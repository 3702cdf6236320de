package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"atoll"
)

const doctorLong = `Look at all that Atoll needs of this system, and say what is missing, why that
matters, and what to do. It changes nothing.

With the number of a process, say whether it and one started here can see each
other's objects, and if not, why: their base directories, users and namespaces.
With two numbers, say so of those two.

Exit status 1 if something needs a remedy, or if the two can never see each
other's objects, else 0.`

func newDoctor() *cobra.Command {
	var pid int
	var all, asJSON bool
	var pids []int
	cmd := &cobra.Command{
		Use:   "doctor [PID [PID]]",
		Short: "Say what this system lacks, and what to do",
		Long:  doctorLong,
		Example: `  atoll doctor
  atoll doctor --all
  atoll doctor 812
  atoll doctor 812 4711`,
		Args: func(cmd *cobra.Command, args []string) (err error) {
			if cmd.Flags().Changed("pid") {
				args = append([]string{strconv.Itoa(pid)}, args...)
			}
			pids, err = readPIDs(args)
			return err
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := examine(pids)
			if err != nil {
				return err
			}
			all = all || len(pids) > 0
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), r)
			} else {
				err = printReport(cmd.OutOrStdout(), &r, all)
			}
			if err == nil && len(r.Problems()) > 0 {
				err = &statusError{status: statusFailure}
			}
			return err
		},
	}
	cmd.Flags().IntVar(&pid, "pid", 0, "a process, as if it were the first argument")
	cmd.Flags().BoolVarP(&all, "all", "a", false, "also what is fine")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object, with all findings")
	return cmd
}

// readPIDs reads the numbers of at most two processes.
func readPIDs(args []string) (pids []int, err error) {
	if len(args) > 2 {
		return nil, usage("atoll doctor compares two processes, not %d", len(args))
	}
	for _, a := range args {
		pid, err := strconv.Atoi(a)
		if err != nil {
			return nil, usage("%q is no number of a process; atoll explain NAME says who has an object", a)
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// examine looks at this system, or at one process or two.
func examine(pids []int) (atoll.Report, error) {
	switch len(pids) {
	case 0:
		return atoll.Doctor(), nil
	case 1:
		return atoll.DoctorOf(pids[0])
	}
	return atoll.DoctorOfPair(pids[0], pids[1])
}

func printReport(w io.Writer, r *atoll.Report, all bool) error {
	fine := 0
	for _, f := range r.Findings {
		if f.Level == atoll.LevelFine && !all {
			fine++
			continue
		}
		text := fmt.Sprintf("%-7s  %s: %s\n", f.Level, f.Topic, sentence(f.What))
		if f.Why != "" {
			text += fmt.Sprintf("         %s\n", sentence(f.Why))
		}
		if f.Remedy != "" {
			text += fmt.Sprintf("         remedy: %s\n", sentence(f.Remedy))
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	if fine == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "%d things are fine; --all shows them\n", fine)
	return err
}

// sentence is text on one line, safe for a terminal.
func sentence(text string) string { return plain(strings.ReplaceAll(text, "\n", "; ")) }
