package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"atoll"
)

const explainLong = `Explain why a wait does not end, or what keeps an object alive.

Of an object it says who holds it, who owns it and what that process is doing
(running, stopped, in which system call), who waits, and what to do. Of a
process, given as its number, it says what it holds, owns and waits for. If
processes wait for each other in a circle through mutexes, the circle is named.

A process that waits for one of several objects is shown as waiting for each of
them: a circle through such a wait may still end. Processes of other users are
not seen.`

func newExplain() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain NAME|PID",
		Short: "Say why a wait is stuck, or what keeps an object alive",
		Long:  explainLong,
		Example: `  atoll explain database
  atoll explain 812
  atoll explain database --json | jq .cycle`,
		Args: exactly(1, "the name of an object, or the number of a process"),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := explain(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), e)
			}
			return e.print(cmd.OutOrStdout())
		},
		ValidArgsFunction: completeNames(),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

// explanation is what explain says, and prints as JSON.
type explanation struct {
	Object  *item      `json:"object,omitempty"`  // of a name
	Process *doing     `json:"process,omitempty"` // of a number
	Owner   *doing     `json:"owner,omitempty"`   // of a mutex that is owned
	Holders []doing    `json:"holders,omitempty"`
	Waiters []doing    `json:"waiters,omitempty"`
	Held    []string   `json:"held,omitempty"` // by the process
	Owned   []string   `json:"owned,omitempty"`
	Awaited []string   `json:"awaited,omitempty"`
	Cycle   []waitEdge `json:"cycle,omitempty"`
	Verdict []string   `json:"verdict"` // why, and what to do; a sentence each
}

// waitEdge is a step of a circle: a process waits for a mutex that another owns, or,
// as atoll lock does, for the end of a process that it runs.
type waitEdge struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
	Waits   string `json:"waitsFor,omitempty"`
	Owner   int    `json:"ownedBy,omitempty"`
	Runs    int    `json:"runs,omitempty"`
}

func (w *waitEdge) text() string {
	who := showProcess(atoll.Process{PID: w.PID, Command: w.Command})
	if w.Runs != 0 {
		return fmt.Sprintf("%s waits for the end of %d, which it runs", who, w.Runs)
	}
	return fmt.Sprintf("%s waits for %s, which %d owns", who, show(w.Waits), w.Owner)
}

func explain(what string) (*explanation, error) {
	list, err := listAll()
	if err != nil && len(list) == 0 {
		return nil, err
	}
	if i := slices.IndexFunc(list, func(i item) bool { return i.Name == strings.TrimPrefix(what, `Local\`) }); i >= 0 {
		return explainObject(list, &list[i]), nil
	}
	if pid, err := strconv.Atoi(what); err == nil && pid > 0 {
		return explainProcess(list, pid)
	}
	_, err = atoll.Stat(what) // says what is wrong with the name
	if err == nil {
		err = fmt.Errorf("%s has come into being just now; ask again", show(what))
	}
	return nil, err
}

func explainObject(list []item, i *item) *explanation {
	e := &explanation{Object: i, Holders: doings(i.Holders), Waiters: doings(i.Waiting)}
	if i.Owner != nil && !i.Abandoned {
		owner := doingOf(*i.Owner)
		e.Owner = &owner
		e.Cycle = cycleFrom(list, i.Owner.PID)
	}
	e.say("%s", whatKeeps(i))
	switch {
	case i.Problem != "" || !i.Alive:
	case e.Cycle != nil:
		e.sayCycle()
	case e.Owner != nil:
		e.sayOwner(i)
	case i.Busy != nil:
		busy := doingOf(*i.Busy)
		e.say("%s is changing its state, and is %s; until it goes on, or ends, calls on the object end with ErrStuck.", showProcess(*i.Busy), busy.text())
	case i.Waiters > 0:
		e.say("%s", whyWaiting(i))
	case i.Type == atoll.TypeMutex:
		e.say("It is free: a lock does not wait.")
	}
	return e
}

// whatKeeps says what keeps an object alive.
func whatKeeps(i *item) string {
	switch {
	case i.Problem != "":
		return "It cannot be read: " + plain(i.Problem) + "."
	case !i.Alive:
		return "Killed processes left it behind: nobody has a handle, no program can open it, and its memory goes back with the next use of the name, or now with atoll sweep."
	case len(i.Holders) == 0:
		return "It is alive: processes that cannot be seen from here have handles (other users', or in another pid namespace)."
	}
	text := "It is alive as long as " + showProcesses(i.Holders) + " " + verb(len(i.Holders), "has a handle", "have handles") + "."
	if len(i.Viewers) > 0 {
		text += " Its memory also lasts as long as " + showProcesses(i.Viewers) + " " + verb(len(i.Viewers), "has a view.", "have views.")
	}
	return text
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// whyWaiting says what releases those who wait.
func whyWaiting(i *item) string {
	who := fmt.Sprintf("%s %s, and ", showWaiters(&i.Info), verb(i.Waiters, "waits", "wait"))
	switch i.Type {
	case atoll.TypeEvent:
		return who + "the event is not signaled: somebody must set it (atoll set " + show(i.Name) + ")."
	case atoll.TypeSemaphore:
		return who + "the count is 0: somebody must release it (atoll release " + show(i.Name) + ")."
	case atoll.TypeTimer:
		if i.Due != nil {
			return who + "the timer is due " + showDue(&i.Info) + "."
		}
		return who + "the timer is not set (atoll timer " + show(i.Name) + " --after 0s)."
	case atoll.TypeJob:
		return who + "the job is signaled when it is terminated (atoll job kill " + show(i.Name) + ")."
	default:
		return who + "look again: it is changing hands."
	}
}

// sayOwner says what the owner of a mutex does instead of giving it up.
func (e *explanation) sayOwner(i *item) {
	since := ""
	if i.OwnerSince != nil {
		since = fmt.Sprintf(" since %s at the latest", i.OwnerSince.Format(time.DateTime))
	}
	e.say("%s owns it%s, and is %s.", showProcess(*i.Owner), since, e.Owner.text())
	switch {
	case i.Owner.PID == 0:
		e.say("Who that is cannot be seen from here; if its member file was removed, nobody can tell whether it lives, and the mutex stays as it is.")
	case e.Owner.State == "stopped":
		e.say("A stopped process is not dead: kill -CONT %d lets it go on; kill -9 %d ends it, and the next owner is told that the mutex was abandoned.", i.Owner.PID, i.Owner.PID)
	case len(e.Owner.waitsFor) > 0:
		e.say("It waits itself, for %s.", strings.Join(e.Owner.waitsFor, ", "))
	}
}

// sayCycle names the circle.
func (e *explanation) sayCycle() {
	var steps []string
	for _, c := range e.Cycle {
		steps = append(steps, c.text())
	}
	e.say("Deadlock: %s.", strings.Join(steps, "; "))
	e.say("One of them must give up: end it (kill %d), or let its wait time out; then lock the mutexes in the same order everywhere, or all at once with WaitAll.", e.Cycle[0].PID)
}

func (e *explanation) say(format string, args ...any) {
	e.Verdict = append(e.Verdict, fmt.Sprintf(format, args...))
}

func explainProcess(list []item, pid int) (*explanation, error) {
	p := atoll.Process{PID: pid}
	d := doingOf(p)
	if d.State == "gone" {
		return nil, fmt.Errorf("there is no object and no process %d; atoll ls shows what exists", pid)
	}
	e := &explanation{Process: &d, Cycle: cycleFrom(list, pid)}
	for _, i := range list {
		has := func(list []atoll.Process) bool {
			return slices.ContainsFunc(list, func(p atoll.Process) bool { return p.PID == pid })
		}
		if has(i.Holders) {
			e.Held = append(e.Held, i.Name)
		}
		if i.Owner != nil && !i.Abandoned && i.Owner.PID == pid {
			e.Owned = append(e.Owned, i.Name)
		}
		if has(i.Waiting) {
			e.Awaited = append(e.Awaited, i.Name)
		}
	}
	e.say("%s is %s.", showProcess(atoll.Process{PID: pid, Command: d.Command}), d.text())
	switch {
	case e.Cycle != nil:
		e.sayCycle()
	case len(e.Awaited) > 0:
		e.say("It waits for %s; atoll explain says of each of them who keeps it.", showNames(e.Awaited))
	case len(e.Held) == 0 && !seen(pid):
		e.say("What it holds cannot be seen by this user: ask as its user, or as root.")
	case len(e.Held) == 0:
		e.say("It has no handle to any named object.")
	default:
		e.say("It waits for none of the named objects that it holds.")
	}
	return e, nil
}

// seen says whether this user may see what a process holds.
func seen(pid int) bool {
	f, err := os.Open(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return false
	}
	return f.Close() == nil
}

func showNames(names []string) string {
	shown := make([]string, len(names))
	for i, n := range names {
		shown[i] = show(n)
	}
	return strings.Join(shown, ", ")
}

// cycleFrom finds the circle that a process is in, or waits for: along the owners of
// the mutexes that each waits for.
func cycleFrom(list []item, pid int) []waitEdge {
	edges := edgesOf(list)
	var path []waitEdge
	at := make(map[int]int) // where in path a process is
	seen := make(map[int]bool)
	var walk func(pid int) []waitEdge
	walk = func(pid int) []waitEdge {
		if n, ok := at[pid]; ok {
			return slices.Clone(path[n:])
		}
		if seen[pid] {
			return nil
		}
		seen[pid], at[pid] = true, len(path)
		for _, e := range edges[pid] {
			path = append(path, e)
			if found := walk(e.Owner + e.Runs); found != nil {
				return found
			}
			path = path[:len(path)-1]
		}
		delete(at, pid)
		return nil
	}
	return walk(pid)
}

// edgesOf says whom each process waits for.
func edgesOf(list []item) map[int][]waitEdge {
	edges, owners := make(map[int][]waitEdge), make(map[int]bool)
	for _, i := range list {
		if i.Type != atoll.TypeMutex || i.Owner == nil || i.Abandoned || i.Owner.PID == 0 {
			continue
		}
		owners[i.Owner.PID] = true
		for _, w := range i.Waiting {
			edges[w.PID] = append(edges[w.PID], waitEdge{PID: w.PID, Command: w.Command, Waits: i.Name, Owner: i.Owner.PID})
		}
	}
	// atoll lock holds a mutex until what it runs has ended, and that may wait.
	for waiter := range maps.Clone(edges) {
		for child, parent := waiter, parentOf(waiter); parent > 1; child, parent = parent, parentOf(parent) {
			d := doingOf(atoll.Process{PID: parent})
			if owners[parent] && d.Command != "atoll" {
				break // who can go on without its child
			}
			edges[parent] = append(edges[parent], waitEdge{PID: parent, Command: d.Command, Runs: child})
		}
	}
	return edges
}

func (e *explanation) print(w io.Writer) error {
	table := newTable(w)
	line := func(key, value string) {
		if value != "" {
			_, _ = fmt.Fprintf(table, "%s:\t%s\n", key, value)
		}
	}
	if i := e.Object; i != nil {
		line("object", fmt.Sprintf("%s, %s, %s", show(i.Name), i.Type, showState(&i.Info)))
	}
	if e.Process != nil {
		line("process", e.Process.line())
	}
	if e.Owner != nil {
		line("owner", e.Owner.line())
	}
	for _, d := range e.Holders {
		line("holder", d.line())
	}
	for _, d := range e.Waiters {
		line("waiter", d.line())
	}
	line("holds", showNames(e.Held))
	line("owns", showNames(e.Owned))
	line("waits for", showNames(e.Awaited))
	if err := table.Flush(); err != nil {
		return err
	}
	for _, v := range e.Verdict {
		if _, err := fmt.Fprintln(w, v); err != nil {
			return err
		}
	}
	return nil
}
