//go:build linux

package doctor

import (
	"fmt"

	"atoll/internal/namespace"
)

// Level says how much a finding matters.
type Level uint8

// The levels.
const (
	Fine    Level = iota
	Note          // works, but slower, or with a limit one should know
	Problem       // something does not work
)

// Finding is one thing that was looked at.
type Finding struct {
	Level  Level
	Topic  string // "kernel", "memory", …
	What   string // what was found
	Why    string // why it matters; empty if it is fine
	Remedy string // what to do; empty if nothing can or need be done
}

// report collects findings.
type report struct {
	findings []Finding
	topic    string
}

func (r *report) add(l Level, why, remedy, what string, args ...any) {
	r.findings = append(r.findings, Finding{Level: l, Topic: r.topic, What: fmt.Sprintf(what, args...), Why: why, Remedy: remedy})
}

func (r *report) fine(what string, args ...any) { r.add(Fine, "", "", what, args...) }

// Examine looks at this process and its system.
func Examine() []Finding {
	var r report
	base := namespace.Base()
	for _, look := range []struct {
		topic string
		f     func(*report, string)
	}{
		{"kernel", kernel},
		{"memory", memory},
		{"directories", directories},
		{"left behind", leftovers},
		{"jobs", jobs},
		{"system", system},
		{"namespaces", namespaces},
	} {
		r.topic = look.topic
		look.f(&r, base)
	}
	return r.findings
}
