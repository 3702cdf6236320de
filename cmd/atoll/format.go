package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"atoll"
)

// item is what --json prints of an object.
type item struct {
	atoll.Info
	Mode string `json:"mode"` // octal, as ls and chmod have it
}

func itemOf(i atoll.Info) item { return item{Info: i, Mode: fmt.Sprintf("%#o", i.Mode.Perm())} }

// printJSON prints v, indented.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// show makes text safe for a terminal and a table: with control characters, or
// where one would not see it, it is quoted.
func show(text string) string {
	hidden := text == "" || text != strings.TrimSpace(text)
	for _, r := range text {
		hidden = hidden || !unicode.IsPrint(r)
	}
	if hidden {
		return strconv.Quote(text)
	}
	return text
}

// plain replaces what a terminal would obey rather than show.
func plain(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// showSize is a number of bytes, with a unit if that is exact.
func showSize(n int64) string {
	for _, u := range []struct {
		unit int64
		name string
	}{{1 << 30, "G"}, {1 << 20, "M"}, {1 << 10, "K"}} {
		if n >= u.unit && n%u.unit == 0 {
			return strconv.FormatInt(n/u.unit, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// showProcess is "812 indexer".
func showProcess(p atoll.Process) string {
	switch {
	case p.PID == 0:
		return "unknown"
	case p.Command == "":
		return strconv.Itoa(p.PID)
	}
	return strconv.Itoa(p.PID) + " " + show(p.Command)
}

func showProcesses(list []atoll.Process) string {
	if len(list) == 0 {
		return "-"
	}
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = showProcess(p)
	}
	return strings.Join(texts, ", ")
}

// showState is the state of an object in a few words.
func showState(i *atoll.Info) string {
	switch {
	case i.Problem != "":
		return "unreadable: " + show(i.Problem)
	case !i.Alive:
		return "left behind"
	case i.Type == atoll.TypeSection:
		return sectionState(i)
	case i.Abandoned:
		return "abandoned by " + showProcess(*i.Owner)
	case i.Owner != nil:
		return "owned by " + showProcess(*i.Owner)
	case i.Signaled == nil:
		return "-"
	case i.Type == atoll.TypeMutex:
		return "free"
	case i.Count != nil:
		return fmt.Sprintf("count %d of %d", *i.Count, i.Max)
	case *i.Signaled:
		return "signaled"
	}
	return "not signaled"
}

func sectionState(i *atoll.Info) string {
	state := i.Protection
	if i.Reserve {
		state += ", reserve"
	}
	if i.LargePages {
		state += ", large pages"
	}
	if i.File != "" {
		state += ", file " + show(i.File)
	}
	return state
}

// showWaiters says how many wait, and in which processes.
func showWaiters(i *atoll.Info) string {
	if i.Waiters == 0 {
		return "none"
	}
	return fmt.Sprintf("%d in %s", i.Waiters, showProcesses(i.Waiting))
}

// showDue says when a timer is due, and how often after that.
func showDue(i *atoll.Info) string {
	due := i.Due.Format(time.DateTime + ".000")
	if i.Period > 0 {
		due += ", then every " + time.Duration(i.Period).String()
	}
	return due
}

// byteCount is a flag for a number of bytes: 512, 64K, 1M, 2G, 0x1000.
type byteCount int64

func (b *byteCount) String() string { return showSize(int64(*b)) }

// Type is what the help calls the flag's value.
func (b *byteCount) Type() string { return "bytes" }

// Set reads the flag.
func (b *byteCount) Set(text string) error {
	number, unit := text, int64(1)
	if n := len(text); n > 1 {
		switch text[n-1] {
		case 'k', 'K':
			unit = 1 << 10
		case 'm', 'M':
			unit = 1 << 20
		case 'g', 'G':
			unit = 1 << 30
		}
	}
	if unit > 1 {
		number = text[:len(text)-1]
	}
	n, err := strconv.ParseInt(number, 0, 64)
	if err != nil || n < 0 || n > (1<<63-1)/unit {
		return fmt.Errorf("%q is no number of bytes, such as 4096, 64K, 1M or 2G", text)
	}
	*b = byteCount(n * unit)
	return nil
}
