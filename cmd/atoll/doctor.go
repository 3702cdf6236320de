package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"atoll"
)

const doctorLong = `Look at all that Atoll needs of this system, and say what is missing, why that
matters, and what to do. It changes nothing.

With --pid, say whether that process and one started here can see each other's
objects, and if not, why.

Exit status 1 if something needs a remedy, else 0.`

func newDoctor() *cobra.Command {
	var pid int
	var all, asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this system lacks, and what to do",
		Long:  doctorLong,
		Example: `  atoll doctor
  atoll doctor --all
  atoll doctor --pid 812`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var r atoll.Report
			var err error
			if cmd.Flags().Changed("pid") {
				all = true
				r, err = atoll.DoctorOf(pid)
			} else {
				r = atoll.Doctor()
			}
			if err != nil {
				return err
			}
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
	cmd.Flags().IntVar(&pid, "pid", 0, "compare with the process that has this pid here")
	cmd.Flags().BoolVarP(&all, "all", "a", false, "also what is fine")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object, with all findings")
	return cmd
}

func printReport(w io.Writer, r *atoll.Report, all bool) error {
	fine := 0
	for _, f := range r.Findings {
		if f.Level == atoll.LevelFine && !all {
			fine++
			continue
		}
		text := fmt.Sprintf("%-7s  %s: %s\n", f.Level, f.Topic, plain(f.What))
		if f.Why != "" {
			text += fmt.Sprintf("         %s\n", plain(f.Why))
		}
		if f.Remedy != "" {
			text += fmt.Sprintf("         remedy: %s\n", plain(f.Remedy))
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
