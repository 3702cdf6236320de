package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"atoll"
)

const lsLong = `List the objects that this user can see, local and global ones and those of
private namespaces (ALIAS\NAME), with who holds them. What killed processes left
is listed as "left behind": no program can open it, and it goes away with the
next use of its name, or with atoll sweep.

Processes of other users are not seen as holders.`

func newLs() *cobra.Command {
	var long, asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List objects and who holds them",
		Long:  lsLong,
		Example: `  atoll ls
  atoll ls -l
  atoll ls --json | jq -r '.[] | select(.type == "mutex") | .name'`,
		Args: exactly(0, "no arguments (atoll info NAME shows one object)"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := listAll()
			if asJSON {
				if e := printJSON(cmd.OutOrStdout(), list); e != nil {
					return e
				}
				return err
			}
			if e := printList(cmd.OutOrStdout(), list, long); e != nil {
				return e
			}
			return err
		},
	}
	cmd.Flags().BoolVarP(&long, "long", "l", false, "also resident bytes, viewers, waiters, rights, owner and age")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

// listAll lists all scopes, by name. With an error it returns what it saw.
func listAll() ([]item, error) {
	list := []item{}
	var failure error
	for _, scope := range []atoll.Scope{atoll.LocalScope, atoll.GlobalScope, atoll.PrivateScope} {
		for info, err := range atoll.List(scope) {
			if err != nil {
				failure = err
				continue
			}
			list = append(list, itemOf(info))
		}
	}
	slices.SortFunc(list, func(a, b item) int { return cmp.Compare(a.Name, b.Name) })
	return list, failure
}

func printList(w io.Writer, list []item, long bool) error {
	table := newTable(w)
	head := "NAME\tTYPE\tSIZE\tSTATE\tHOLDERS\n"
	if long {
		head = "NAME\tTYPE\tSIZE\tRESIDENT\tSTATE\tHOLDERS\tVIEWERS\tWAITERS\tRIGHTS\tUID\tAGE\n"
	}
	if _, err := io.WriteString(table, head); err != nil {
		return err
	}
	for i := range list {
		if _, err := io.WriteString(table, row(&list[i], long)); err != nil {
			return err
		}
	}
	return table.Flush()
}

func row(i *item, long bool) string {
	size := "-"
	if i.Type == atoll.TypeSection {
		size = showSize(i.Size)
	}
	if !long {
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\n", show(i.Name), i.Type, size, showState(&i.Info), showProcesses(i.Holders))
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n",
		show(i.Name), i.Type, size, showSize(i.Resident), showState(&i.Info), showProcesses(i.Holders),
		showProcesses(i.Viewers), strconv.Itoa(i.Waiters), i.Info.Mode.Perm(), i.UID, age(i.Created))
}

// age is how long ago something was, roughly.
func age(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return time.Since(at).Round(time.Second).String()
}
