//go:build linux

package main

import "strings"

// part is one figure of a metric. The main one has no name; the others are printed as
// metric/part.
type part struct {
	name   string
	what   string
	unit   string
	higher bool    // is better
	signed bool    // can be less than nothing
	most   float64 // that there can be; 0 is no limit
}

// metric is something that is measured of several subjects.
type metric struct {
	name     string
	program  string // what the programs call it
	what     string
	parts    []part
	subjects []string
	sizes    string // arguments of the programs
	quick    string // and those with which it takes no time
	oneCPU   bool   // on one processor, all of it
}

var nsEach = []part{{unit: "ns"}}

var round = []part{{unit: "ns"}, {name: "cpu", what: "processor time of both", unit: "ns"}}

// metrics are all of them, in the order in which they are shown.
var metrics = []metric{
	{
		name: "mutex_pair", program: "mutex_pair", parts: nsEach,
		what:     "Lock and Unlock of a mutex that nobody else wants",
		subjects: []string{"atoll", "raw-cas", "glibc-pshared", "glibc-robust", "flock", "OFD locks"},
		sizes:    "101 4000", quick: "3 50",
	},
	{
		name: "event_pair", program: "event_pair", parts: nsEach,
		what:     "Set of an auto-reset event, and the wait that takes the signal; nobody sleeps",
		subjects: []string{"atoll", "raw-cas", "raw-futex", "posix-sem"},
		sizes:    "101 4000", quick: "3 50",
	},
	{
		name: "semaphore_pair", program: "semaphore_pair", parts: nsEach,
		what:     "Release of a semaphore, and the wait that takes what was released; nobody sleeps",
		subjects: []string{"atoll", "raw-cas", "posix-sem"},
		sizes:    "101 4000", quick: "3 50",
	},
	{
		name: "pingpong", program: "pingpong", parts: round,
		what:     "A round of two processes that wake each other in turn, on two processors",
		subjects: []string{"atoll", "raw-spin", "raw-futex", "posix-sem", "pipes", "Unix sockets"},
		sizes:    "5000", quick: "50",
	},
	{
		name: "pingpong_one_cpu", program: "pingpong", parts: round, oneCPU: true,
		what:     "The same with both processes, and the server if there is one, on one processor",
		subjects: []string{"atoll", "raw-spin", "raw-futex", "posix-sem", "pipes", "Unix sockets"},
		sizes:    "5000", quick: "50",
	},
}

func metricOf(name string) *metric {
	for i := range metrics {
		if strings.EqualFold(metrics[i].name, name) {
			return &metrics[i]
		}
	}
	return nil
}

// partOf finds a figure by how it is printed; nil if there is none.
func partOf(name string) *part {
	metric, rest, _ := strings.Cut(name, "/")
	if m := metricOf(metric); m != nil {
		for i := range m.parts {
			if m.parts[i].name == rest {
				return &m.parts[i]
			}
		}
	}
	return nil
}

// figure is how a part of the metric is printed.
func (m *metric) figure(p part) string {
	if p.name == "" {
		return m.name
	}
	return m.name + "/" + p.name
}

// target is what Atoll's median must be: at most so many times that of another
// figure, or, without one, at most so much. More is better where the part says so.
type target struct {
	figure  string
	times   float64
	subject string // of the figure to compare with; "" compares with nothing
	other   string // the figure to compare with; "" is the same
	strict  bool   // and not equal
}

var targets = []target{
	{figure: "mutex_pair", times: 1.25, subject: "raw-cas"},
	{figure: "mutex_pair", times: 1, subject: "glibc-robust", strict: true},
	{figure: "event_pair", times: 1.25, subject: "posix-sem"},
	{figure: "semaphore_pair", times: 1.25, subject: "posix-sem"},
	{figure: "pingpong", times: 0.1, subject: "raw-futex"},
	{figure: "pingpong_one_cpu", times: 1.25, subject: "raw-futex"},
}
