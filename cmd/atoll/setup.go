package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"atoll"
)

const setupLong = `Say what an administrator must do so that all users can share Global names, and
do it with --apply, as root: the directory that the names lie in, and a file by
which systemd makes it again at each start. It can be repeated at any time; what
is done already is left alone, and what somebody may have made on purpose is
named and not touched.

With ATOLL_ROOT it prepares the base directory that the variable names.`

// tmpfiles is where systemd reads what to make at each start.
const tmpfiles = "/etc/tmpfiles.d"

func newSetup() *cobra.Command {
	var apply, asJSON bool
	var snippets string
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Prepare the names that all users share",
		Long:  setupLong,
		Example: `  atoll setup
  sudo atoll setup --apply
  sudo atoll setup --apply --tmpfiles ""    # without the file for systemd`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			note := ""
			if _, err := os.Stat(snippets); err != nil && !cmd.Flags().Changed("tmpfiles") {
				snippets, note = "", fmt.Sprintf("There is no %s here: have this done again after each start of the system.\n", tmpfiles)
			}
			steps, err := atoll.Setup(snippets, apply)
			if asJSON {
				if steps == nil {
					steps = []atoll.SetupStep{}
				}
				if e := printJSON(cmd.OutOrStdout(), steps); e != nil {
					return e
				}
				return err
			}
			if err == nil || apply {
				_, _ = fmt.Fprint(cmd.OutOrStdout(), showSteps(steps, apply)+note)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&apply, "apply", false, "do it, as root")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array of the steps")
	cmd.Flags().StringVar(&snippets, "tmpfiles", tmpfiles, `folder for the file of systemd-tmpfiles; "" for none`)
	return cmd
}

// showSteps says what is done and what is to be done.
func showSteps(steps []atoll.SetupStep, applied bool) string {
	var b strings.Builder
	missing := false
	for _, s := range steps {
		if s.Done {
			fmt.Fprintf(&b, "done: %s\n", plain(s.What))
		}
		missing = missing || !s.Done
	}
	switch {
	case missing && applied:
		b.WriteString("not done:\n")
	case missing:
		b.WriteString("To be done as root; atoll setup --apply does it:\n")
	}
	for _, s := range steps {
		if !s.Done {
			for line := range strings.Lines(s.Command) { // as they are, to be copied
				b.WriteString(plain(strings.TrimSuffix(line, "\n")) + "\n")
			}
		}
	}
	return b.String()
}
