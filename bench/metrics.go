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
	// optional: depends on the system, or on how much is measured.
	optional bool
}

// metric is something that is measured of several subjects.
type metric struct {
	name     string
	program  string // what the programs call it
	what     string
	parts    []part
	subjects []string
	sizes    string // arguments of the programs
	slow     string // and those of slow subjects; "" is the same
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
		subjects: []string{"atoll", "raw-cas", "glibc-pshared", "glibc-robust", "flock", "OFD locks", "gofrs/flock", "go-filemutex", "juju/mutex", "Boost.Interprocess", "Wine"},
		sizes:    "101 4000", slow: "51 200", quick: "3 50",
	},
	{
		name: "event_pair", program: "event_pair", parts: nsEach,
		what:     "Set of an auto-reset event, and the wait that takes the signal; nobody sleeps",
		subjects: []string{"atoll", "raw-cas", "raw-futex", "posix-sem", "Wine"},
		sizes:    "101 4000", slow: "51 200", quick: "3 50",
	},
	{
		name: "semaphore_pair", program: "semaphore_pair", parts: nsEach,
		what:     "Release of a semaphore, and the wait that takes what was released; nobody sleeps",
		subjects: []string{"atoll", "raw-cas", "posix-sem", "Boost.Interprocess", "Wine"},
		sizes:    "101 4000", slow: "51 200", quick: "3 50",
	},
	{
		name: "pingpong", program: "pingpong", parts: round,
		what:     "A round of two processes that wake each other in turn, on two processors",
		subjects: []string{"atoll", "raw-spin", "raw-futex", "posix-sem", "pipes", "Unix sockets", "Go pipes", "Boost.Interprocess", "Wine"},
		sizes:    "5000", quick: "50",
	},
	{
		name: "pingpong_one_cpu", program: "pingpong", parts: round, oneCPU: true,
		what:     "The same with both processes, and the server if there is one, on one processor",
		subjects: []string{"atoll", "raw-spin", "raw-futex", "posix-sem", "pipes", "Unix sockets", "Go pipes", "Boost.Interprocess", "Wine"},
		sizes:    "5000", quick: "50",
	},
	{
		name: "mutex_contended", program: "contended",
		what:     "Lock and Unlock by some processes that all want one mutex all the time",
		parts:    contendedParts("2", "8"),
		subjects: []string{"atoll", "glibc-pshared", "glibc-robust", "flock", "OFD locks", "gofrs/flock", "go-filemutex", "juju/mutex", "Boost.Interprocess", "Wine"},
		sizes:    "300 2 8", quick: "20 2 8",
	},
	{
		name: "wait_any_64", program: "wait_any",
		what: "From a signal until the other process has it, which sleeps until any of 64 objects is signaled",
		parts: []part{
			{unit: "ns"},
			{name: "p99", what: "99 of 100 signals", unit: "ns"},
			{name: "cpu", what: "processor time of the waiter", unit: "ns"},
		},
		subjects: []string{"atoll", "raw-futex-waitv", "Wine"},
		sizes:    "1000 100000", quick: "20 1000",
	},
	{
		name: "wait_all_2", program: "wait_all", parts: nsEach,
		what:     "A wait for all of 2 semaphores that have enough",
		subjects: []string{"atoll", "Wine"},
		sizes:    "101 1000 2", quick: "3 20 2",
	},
	{
		name: "wait_all_64", program: "wait_all", parts: nsEach,
		what:     "The same for 64",
		subjects: []string{"atoll", "Wine"},
		sizes:    "101 100 64", quick: "3 5 64",
	},
	{
		name: "open", program: "open",
		what: "Open and Close of an object that another process has, by a process that has others; a peer maps and unmaps it",
		parts: []part{
			{what: "an event, whose state is mapped", unit: "ns"},
			{name: "first", what: "the same, by a process that has no other handle", unit: "ns"},
			{name: "section", what: "a section, with a view", unit: "ns"},
		},
		subjects: []string{"atoll", "shm-open", "Boost.Interprocess", "Python multiprocessing.shared_memory", "Wine"},
		sizes:    "51 200", quick: "3 5",
	},
	{
		name: "create_destroy", program: "create_destroy", parts: nsEach,
		what:     "Create and Close of a named event, or of what a peer has, which is gone then",
		subjects: []string{"atoll", "shm-open", "Boost.Interprocess", "Python multiprocessing.shared_memory", "Wine"},
		sizes:    "51 200", quick: "3 5",
	},
	{
		name: "map", program: "map",
		what:     "Map and Close of a view of 1 MiB",
		parts:    []part{{unit: "ns"}, {name: "access", what: "reading 64 KiB of it, word by word", unit: "ns"}},
		subjects: []string{"atoll", "shm-open", "mmap-go", "Boost.Interprocess", "Wine"},
		sizes:    "51 200", quick: "3 5",
	},
	{
		name: "bulk", program: "bulk",
		what:     "1 GiB in blocks of 1 MiB from one process to another",
		parts:    []part{{unit: "GB/s", higher: true}},
		subjects: []string{"atoll", "memcpy", "pipes", "Unix sockets", "Go pipes", "Python multiprocessing.shared_memory", "Wine"},
		sizes:    "1024", quick: "32",
	},
	{
		name: "waiters_10k", program: "waiters",
		what:     "10,000 of one process that wait for an event each, which another process signals",
		parts:    append(crowdParts("", ""), crowdParts("futex_waitv/", ", without io_uring")...),
		subjects: []string{"atoll", "raw-futex"},
		sizes:    "10000 500", quick: "100 5",
	},
	{
		name: "owner_death", program: "owner_death",
		what:     "From kill -9 of a lock's owner until the next has it",
		parts:    []part{{unit: "µs"}},
		subjects: []string{"atoll", "glibc-robust", "flock", "OFD locks", "gofrs/flock", "go-filemutex", "juju/mutex", "Wine"},
		sizes:    "", quick: "",
	},
	{
		name: "namespace_growth", program: "namespace",
		what: "Open and Close of an event among many others that live",
		parts: []part{
			{name: "10", what: "among 10", unit: "ns"},
			{name: "1000", what: "among 1,000", unit: "ns"},
			{name: "100000", what: "among 100,000", unit: "ns", optional: true},
		},
		subjects: []string{"atoll", "shm-open"},
		sizes:    "51 100 10 1000 100000", quick: "3 5 10 1000",
	},
	{
		name: "win32_overhead", program: "win32",
		what: "What a call of package win32 costs more than the same of package atoll",
		parts: []part{
			{what: "waiting for a mutex, and releasing it", unit: "ns", signed: true},
			{name: "event", what: "setting an event, and waiting for it", unit: "ns", signed: true},
		},
		subjects: []string{"atoll"},
		sizes:    "101 2000", quick: "3 50",
	},
}

// contendedParts are those of the metric with so many processes.
func contendedParts(processes ...string) (parts []part) {
	for _, n := range processes {
		parts = append(parts,
			part{name: n, what: n + " processes", unit: "ops/s", higher: true},
			part{name: n + "/fairness", what: "the smallest share of " + n + " processes in the largest", unit: "ratio", higher: true, most: 1},
			part{name: n + "/cpu", what: "processor time of all " + n + ", for each lock", unit: "ns"})
	}
	return parts
}

func crowdParts(prefix, how string) []part {
	return []part{
		{name: prefix + "threads", what: "threads of their process" + how, unit: "threads", optional: true},
		{name: prefix + "bytes", what: "memory of each" + how, unit: "bytes", optional: true, signed: true},
		{name: prefix + "wake_all", what: "until all are awake" + how, unit: "ms", optional: true},
		{name: prefix + "p50", what: "until one is awake" + how, unit: "ns", optional: true},
		{name: prefix + "p99", what: "99 of 100 of them" + how, unit: "ns", optional: true},
	}
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
	{figure: "mutex_contended/2", times: 1, subject: "glibc-robust"},
	{figure: "mutex_contended/8", times: 1, subject: "glibc-robust"},
	{figure: "mutex_contended/2/fairness", times: 0.5},
	{figure: "mutex_contended/8/fairness", times: 0.5},
	{figure: "wait_any_64", times: 1.3, subject: "raw-futex-waitv"},
	{figure: "wait_all_2", times: 6, subject: "atoll", other: "mutex_pair"},
	{figure: "open", times: 1.6, subject: "shm-open"},
	{figure: "create_destroy", times: 1.6, subject: "shm-open"},
	{figure: "map", times: 1.1, subject: "mmap-go"},
	{figure: "map/access", times: 1.1, subject: "mmap-go"},
	{figure: "bulk", times: 0.9, subject: "memcpy"},
	{figure: "waiters_10k/threads", times: 16},
	{figure: "waiters_10k/bytes", times: 8192},
	{figure: "waiters_10k/futex_waitv/threads", times: 192},
	{figure: "waiters_10k/futex_waitv/bytes", times: 8192},
	{figure: "owner_death", times: 5, subject: "glibc-robust"},
	{figure: "owner_death", times: 1000, strict: true},
	{figure: "namespace_growth/1000", times: 1.3, subject: "atoll", other: "namespace_growth/10"},
	{figure: "namespace_growth/100000", times: 1.3, subject: "atoll", other: "namespace_growth/10"},
	{figure: "win32_overhead", times: 60},
	{figure: "win32_overhead/event", times: 60},
}
