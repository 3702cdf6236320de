//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// path is what a program does again and again, and is looked into.
type path struct {
	metric string
	part   string // as programs call it
	what   string // the time goes to, and what is left to the limit
	sizes  [2]string
	rounds int    // how many more the second sizes are
	long   string // sizes that take a second or two
}

// chunked are the sizes of a path that is measured in chunks.
func chunked(rest string) [2]string { return [2]string{"2 200" + rest, "4 200" + rest} }

var paths = []path{
	{
		metric: "mutex_pair", part: "-", sizes: chunked(""), rounds: 400, long: "300 100000",
		what: "Two compare-and-swaps, on a word that the handle maps: as many as the limit. The rest is that Lock and Unlock are calls, with a context and a report as Go has them, and that the handle is asked whether it is open and whose it is.",
	},
	{
		metric: "event_pair", part: "-", sizes: chunked(""), rounds: 400, long: "300 100000",
		what: "A compare-and-swap for the signal and one for taking it, from the state that the handle remembers, and a look whether anybody sleeps.",
	},
	{
		metric: "semaphore_pair", part: "-", sizes: chunked(""), rounds: 400, long: "300 100000",
		what: "As for an event; the count lies in the same word as the state.",
	},
	{
		metric: "pingpong_one_cpu", part: "-", sizes: [2]string{"500", "900"}, rounds: 400, long: "100000",
		what: "A wake and a wait of each process, and the kernel's change from one process to the other, as for the limit. Go's scheduler comes on top. On two processors the waiter spins for some microseconds first, and nobody calls the kernel.",
	},
	{
		metric: "wait_all_2", part: "-", sizes: chunked(" 2"), rounds: 400, long: "300 5000 2",
		what: "The gate of each object is closed and opened again, and in between the decision is written down in the member file, so that a kill at any moment leaves all or nothing.",
	},
	{
		metric: "wait_all_64", part: "-", sizes: chunked(" 64"), rounds: 400, long: "300 200 64",
		what: "The same 64 times, after the objects have been sorted.",
	},
	{
		metric: "open", part: "-", sizes: chunked(""), rounds: 400, long: "300 300",
		what: "The system calls below: the file is opened and locked, looked at, and mapped; and undone. The limit opens, maps, closes and unmaps.",
	},
	{
		metric: "create_destroy", part: "-", sizes: chunked(""), rounds: 400, long: "300 300",
		what: "The file is made whole without a name, locked, and then named; the last handle takes the name away again. The limit makes it in place.",
	},
	{
		metric: "map", part: "-", sizes: chunked(""), rounds: 400, long: "300 1000",
		what: "mmap and munmap, which are the kernel's. The use of a view is counted in the process.",
	},
}

// profile is what was found about a path.
type profile struct {
	Metric string    `json:"metric"`
	Calls  []perCall `json:"calls"`
	Top    []perCall `json:"top"`
}

// perCall is a system call with how often it is made in a round, or a function with
// its percentage of the time.
type perCall struct {
	Name  string  `json:"name"`
	Count float64 `json:"count"`
}

// profiles looks into the paths of all metrics that were chosen.
func (b *bench) profiles() (all []profile, err error) {
	if _, err := exec.LookPath("strace"); err != nil {
		return nil, errors.New("--profile needs strace: apt-get install strace")
	}
	for _, p := range paths {
		m := metricOf(p.metric)
		if !slices.Contains(b.metrics, m) || !chosen(b.options.subjects, "atoll") {
			continue
		}
		b.say("profile of %s", m.name)
		found := profile{Metric: m.name}
		if found.Calls, err = b.systemCalls(m, p); err != nil {
			return nil, fmt.Errorf("profile of %s: %w", m.name, err)
		}
		if found.Top, err = b.functions(m, p); err != nil {
			return nil, fmt.Errorf("profile of %s: %w", m.name, err)
		}
		all = append(all, found)
	}
	b.say("")
	return all, nil
}

// goes are the calls by which Go's runtime looks after its threads.
var goes = []string{"epoll_pwait", "epoll_ctl", "nanosleep", "rt_sigreturn", "tgkill", "sched_yield", "madvise"}

// systemCalls counts with strace how many more there are in more rounds.
func (b *bench) systemCalls(m *metric, p path) (calls []perCall, err error) {
	var counts [2]map[string]int
	for i, sizes := range p.sizes {
		file := filepath.Join(b.dir, "strace")
		command := slices.Concat([]string{"env", partVariable + "=" + p.part, "strace", "-f", "-c", "-U", "calls,name", "-o", file}, b.built[inGo])
		if err := b.profiled(command, m, sizes); err != nil {
			return nil, err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		counts[i] = straceCounts(string(text))
	}
	for _, name := range slices.Sorted(maps.Keys(counts[1])) {
		if slices.Contains(goes, name) {
			continue
		}
		each := float64(counts[1][name]-counts[0][name]) / float64(p.rounds)
		if each >= 0.05 { // else it is now and then
			calls = append(calls, perCall{name, float64(int(each*100+0.5)) / 100})
		}
	}
	return calls, nil
}

var straceLine = regexp.MustCompile(`(?m)^\s*(\d+)\s+([a-z_0-9]+)$`)

func straceCounts(text string) map[string]int {
	counts := make(map[string]int)
	for _, found := range straceLine.FindAllStringSubmatch(text, -1) {
		if n, err := strconv.Atoi(found[1]); err == nil && found[2] != "total" {
			counts[found[2]] += n
		}
	}
	return counts
}

// functions says in which ones the time is spent.
func (b *bench) functions(m *metric, p path) (top []perCall, err error) {
	file := filepath.Join(b.dir, "pprof")
	command := slices.Concat([]string{"env", partVariable + "=" + p.part, profileVariable + "=" + file}, b.built[inGo])
	sizes := p.long
	if b.quick {
		sizes = p.sizes[0]
	}
	if err := b.profiled(command, m, sizes); err != nil {
		return nil, err
	}
	out, err := exec.Command("go", "tool", "pprof", "-top", "-nodecount", "8", file).Output()
	if err != nil {
		return nil, fmt.Errorf("go tool pprof: %w", err)
	}
	return topFunctions(out), nil
}

var topLine = regexp.MustCompile(`(?m)^\s*\S+\s+([0-9.]+)%\s+[0-9.]+%\s+\S+\s+[0-9.]+%\s+(.+)$`)

func topFunctions(out []byte) (top []perCall) {
	for _, found := range topLine.FindAllSubmatch(bytes.TrimSpace(out), -1) {
		percent, err := strconv.ParseFloat(string(found[1]), 64)
		name := strings.TrimSuffix(string(found[2]), " (inline)")
		if err == nil && percent >= 1 {
			top = append(top, perCall{name, percent})
		}
	}
	return top
}

func (b *bench) profiled(command []string, m *metric, sizes string) error {
	root, err := os.MkdirTemp(b.dir, "root-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(root) }()
	_, err = b.call(command, append([]string{"atoll"}, strings.Fields(sizes)...), root, m)
	return err
}
