package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
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
	f := &lsFlags{}
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List objects and who holds them",
		Long:  lsLong,
		Example: `  atoll ls
  atoll ls -l
  atoll ls --watch
  atoll ls --json | jq -r '.[] | select(.type == "mutex") | .name'`,
		Args: exactly(0, "no arguments (atoll info NAME shows one object)"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.interval < 10*time.Millisecond {
				return usage("--interval must be at least 10ms")
			}
			if f.watch {
				return f.watchList(cmd)
			}
			list, err := listAll()
			if err != nil && len(list) == 0 {
				return err
			}
			if e := f.print(cmd.OutOrStdout(), list); e != nil {
				return e
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.long, "long", "l", false, "also resident bytes, viewers, waiters, rights, owner and age")
	flags.BoolVar(&f.asJSON, "json", false, "print a JSON array")
	flags.BoolVarP(&f.watch, "watch", "w", false, "go on, and list again when something has changed, until interrupted")
	flags.DurationVar(&f.interval, "interval", time.Second, "how often --watch looks")
	return cmd
}

type lsFlags struct {
	long, asJSON, watch bool
	interval            time.Duration
}

func (f *lsFlags) print(w io.Writer, list []item) error {
	if f.asJSON {
		return printJSON(w, list)
	}
	return printList(w, list, f.long)
}

// watchList lists again and again what has changed: on a terminal in the place of
// the list before, else below it, and as JSON an array a line.
func (f *lsFlags) watchList(cmd *cobra.Command) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	file, _ := cmd.OutOrStdout().(*os.File)
	clear := file != nil && isTerminal(file)
	tick := time.NewTicker(f.interval)
	defer tick.Stop()
	last := ""
	for {
		list, err := listAll()
		if err != nil {
			return err
		}
		var b strings.Builder
		if err := f.snapshot(&b, list); err != nil {
			return err
		}
		if text := b.String(); text != last {
			if err := showAgain(cmd.OutOrStdout(), text, last == "", clear); err != nil {
				return err
			}
			last = text
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (f *lsFlags) snapshot(w io.Writer, list []item) error {
	if f.asJSON {
		return json.NewEncoder(w).Encode(list)
	}
	return printList(w, list, f.long)
}

// showAgain prints a list in the place of the one before, or below it.
func showAgain(w io.Writer, text string, first, clear bool) error {
	const home = "\x1b[H\x1b[2J" // of every terminal since the VT100
	switch {
	case clear:
		text = home + text
	case !first && !strings.HasPrefix(text, "["):
		text = "\n" + text
	}
	_, err := io.WriteString(w, text)
	return err
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

// now is the time; tests stop it.
var now = time.Now

// age is how long ago something was, roughly.
func age(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return now().Sub(at).Round(time.Second).String()
}
