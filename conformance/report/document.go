package main

import (
	"fmt"
	"strings"
)

const preface = `# Is it the same as Windows?

Each line of the checklist of what Windows does is a test over package win32, with what Windows does as the expectation. CI runs all of them on Linux and, as Windows programs, under Wine 8.0, and writes this page. It has not been run on Windows itself.

A **gap** is a line that is known not to hold there; the suite fails when it begins to. On Linux those have a row in [PLATFORMS.md](PLATFORMS.md) too. Marks: D, Microsoft's documentation says so; W, a test of Wine that is run on Windows too asserts it; W†, the same where Wine itself is known to differ; R, RT, ReactOS' source or tests; I, only Wine's source shows it; inf, it follows from others and has not been checked on Windows.

`

// document is docs/CONFORMANCE.md.
func document(sides []side) string {
	var b strings.Builder
	b.WriteString(preface)
	b.WriteString("| | " + strings.Join(kinds, " | ") + " |\n|---|" + strings.Repeat("---|", len(kinds)) + "\n")
	for _, s := range sides {
		rows := totals(s)
		fmt.Fprintf(&b, "| %s |", s.System)
		for _, kind := range kinds {
			fmt.Fprintf(&b, " %d |", rows[len(rows)-1].of[kind])
		}
		b.WriteString("\n")
	}
	area := ""
	for i, l := range sides[0].Lines {
		if l.Area != area {
			area = l.Area
			fmt.Fprintf(&b, "\n## %s\n\n| | On Windows | From | Linux | Wine |\n|---|---|---|---|---|\n", area)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |", l.Line, cell(l.Says), cell(l.Source))
		for _, s := range sides {
			fmt.Fprintf(&b, " %s |", outcome(s, i))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// outcome is what came of the suite's line i on a side.
func outcome(s side, i int) string {
	l := s.Lines[i]
	switch l.Result {
	case "passed":
		return "✓"
	case "gap":
		return "**gap**: " + cell(l.Why)
	}
	return l.Result + ": " + cell(l.Why)
}

// cell is a text as a cell of a table has it.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(text)
}
