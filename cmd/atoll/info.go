package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"atoll"
)

func newInfo() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info NAME",
		Short: "Show one object in full",
		Long:  "Show everything that can be seen of one object from outside, at this moment.",
		Example: `  atoll info prices
  atoll info 'Global\prices' --json`,
		Args:              exactly(1, "the name of an object"),
		ValidArgsFunction: completeNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			info, err := atoll.Stat(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), itemOf(info))
			}
			return printInfo(cmd.OutOrStdout(), &info)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

func printInfo(w io.Writer, i *atoll.Info) error {
	table := newTable(w)
	line := func(key, value string) { _, _ = fmt.Fprintf(table, "%s:\t%s\n", key, value) }
	line("name", show(i.Name))
	line("type", i.Type.String())
	line("state", showState(i))
	switch i.Type {
	case atoll.TypeSection:
		line("size", fmt.Sprintf("%s (%d bytes)", showSize(i.Size), i.Size))
		if i.File != "" {
			line("file", show(i.File))
		}
	case atoll.TypeEvent, atoll.TypeTimer:
		line("reset", map[bool]string{true: "manual", false: "auto"}[i.ManualReset])
	default: // nothing of their own
	}
	if i.Count != nil {
		line("count", fmt.Sprintf("%d of %d", *i.Count, i.Max))
	}
	if i.Due != nil {
		line("due", showDue(i))
	}
	if i.OwnerSince != nil {
		line("owned since", fmt.Sprintf("at the latest %s (%s)", i.OwnerSince.Format(time.DateTime), age(*i.OwnerSince)))
	}
	line("holders", showProcesses(i.Holders))
	if i.Type == atoll.TypeSection {
		line("viewers", showProcesses(i.Viewers))
	} else {
		line("waiters", showWaiters(i))
	}
	if i.Busy != nil {
		line("being changed by", showProcess(*i.Busy))
	}
	line("rights", fmt.Sprintf("%s, uid %d, gid %d", i.Mode.Perm(), i.UID, i.GID))
	if i.ACL != nil {
		line("acl", strings.Join(i.ACL, ", "))
	}
	line("created", fmt.Sprintf("%s by pid %d", i.Created.Format(time.DateTime), i.Creator))
	line("own file", fmt.Sprintf("%s, %s resident", show(i.Path), showSize(i.Resident)))
	return table.Flush()
}
