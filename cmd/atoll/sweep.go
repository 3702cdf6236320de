package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"atoll"
)

const sweepLong = `Remove what killed processes left behind: files of objects that nobody holds.
Their names are free without it, and every create removes a few; sweep gives
back all their memory at once. It disturbs nothing that is in use, and may run
at any time.`

func newSweep() *cobra.Command {
	var global, asJSON bool
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "Remove what killed processes left behind",
		Long:  sweepLong,
		Example: `  atoll sweep
  sudo atoll sweep --global`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			scope := atoll.LocalScope
			if global {
				scope = atoll.GlobalScope
			}
			removed, err := atoll.Sweep(scope)
			if err != nil && removed == 0 {
				return err
			}
			if asJSON {
				if e := printJSON(cmd.OutOrStdout(), map[string]int{"removed": removed}); e != nil {
					return e
				}
				return err
			}
			objects := "objects"
			if removed == 1 {
				objects = "object"
			}
			_, _ = fmt.Fprintf(cmd.OutOrStdout(), "removed %d %s\n", removed, objects)
			return err
		},
	}
	cmd.Flags().BoolVar(&global, "global", false, "the names shared by all users, instead of one's own")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}
