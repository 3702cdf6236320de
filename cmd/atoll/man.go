package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"atoll"
)

func newMan() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "man --dir DIRECTORY",
		Short: "Write manual pages",
		Long:  "Write a manual page for each command into a directory.",
		Example: `  atoll man --dir /usr/local/share/man/man1
  atoll man --dir . && man ./atoll-lock.1`,
		Args: exactly(0, "no arguments, but --dir"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return usage("atoll man wants --dir, the directory to write into")
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true // pages that are the same are the same bytes
			date := time.Unix(0, 0)
			if err := doc.GenManTree(root, &doc.GenManHeader{Title: "ATOLL", Section: "1", Source: "atoll " + atoll.Version, Manual: "Atoll", Date: &date}, dir); err != nil {
				return err
			}
			pages, err := filepath.Glob(filepath.Join(dir, "atoll*.1"))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d pages in %s\n", len(pages), show(dir))
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "where to write; it is made if it is missing")
	return cmd
}
