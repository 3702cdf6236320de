package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"atoll"
)

// versionInfo is what atoll version prints.
type versionInfo struct {
	Version  string `json:"version"`
	Format   int    `json:"format"`           // of what lies in shared memory
	Commit   string `json:"commit,omitempty"` // if it was built in a repository
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	System   string `json:"system"`
}

func newVersion() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of the command and of the shared format",
		Long: `Print the version of this command, and of the format of objects: programs whose
formats differ refuse each other's objects.`,
		Example: `  atoll version
  atoll version --json`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := readVersion()
			if asJSON {
				return printJSON(cmd.OutOrStdout(), v)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "atoll %s, object format %d, %s, %s\n", v.Version, v.Format, v.Go, v.System)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

func readVersion() versionInfo {
	v := versionInfo{
		Version: atoll.Version, Format: atoll.FormatVersion,
		Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
