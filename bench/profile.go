//go:build linux

package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"atoll/bench/internal/calling"
)

// path is what a program does again and again, and is looked into.
type path struct {
	metric string
	part   string // as programs call it
	what   string // the time goes to, and what is left to the limit
	sizes  [2]string
	rounds int    // how many more the second sizes are; 0: it cannot be told
	long   string // sizes that take a second or two; "": it is over too soon to look into
}

// chunked are the sizes of a path that is measured in chunks.
func chunked(rest string) [2]string { return [2]string{"2 200" + rest, "4 200" + rest} }

// profile is what was found about a path.
type profile struct {
	Metric  string    `json:"metric"`
	Counted bool      `json:"counted"` // the calls were
	Calls   []perCall `json:"calls"`
	Top     []perCall `json:"top"`
}

// perCall is a system call with how often it is made in a round, or a function with
// its percentage of the time.
type perCall struct {
	Name  string  `json:"name"`
	Count float64 `json:"count"`
}

// profiles looks into the paths of all metrics that were chosen.
func (b *bench) profiles() (all []profile, err error) {
	for program, of := range map[string]string{"strace": "strace", "perf": "linux-perf"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("--profile needs %s: apt-get install %s", program, of)
		}
	}
	for _, p := range paths {
		m := metricOf(p.metric)
		if !slices.Contains(b.metrics, m) || !chosen(b.options.subjects, "atoll") {
			continue
		}
		b.say("profile of %s", m.name)
		found := profile{Metric: m.name}
		if found.Counted = p.rounds != 0; found.Counted {
			if found.Calls, err = b.systemCalls(m, p); err != nil {
				return nil, fmt.Errorf("profile of %s: %w", m.name, err)
			}
		}
		if p.long != "" {
			if found.Top, err = b.functions(m, p); err != nil {
				return nil, fmt.Errorf("profile of %s: %w", m.name, err)
			}
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
		command := slices.Concat([]string{"env", calling.Part + "=" + p.part, "strace", "-f", "-c", "-U", "calls,name", "-o", file}, b.built[inGo])
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

// functions says in which ones the time is spent, of the kernel's, too, and of all
// processes: from the moment on when the program says that it measures.
func (b *bench) functions(m *metric, p path) (top []perCall, err error) {
	file, control, ack := filepath.Join(b.dir, "perf"), filepath.Join(b.dir, "control"), filepath.Join(b.dir, "ack")
	for _, fifo := range []string{control, ack} {
		if err := unix.Mkfifo(fifo, 0o600); err != nil {
			return nil, err
		}
		defer func() { _ = os.Remove(fifo) }()
	}
	command := slices.Concat([]string{
		"env", calling.Part + "=" + p.part, calling.Profile + "=" + control + "," + ack,
		"perf", "record", "-q", "-F", "2000", "-D", "-1", "--control", "fifo:" + control + "," + ack, "-o", file,
	}, b.built[inGo])
	sizes := p.long
	if b.quick {
		sizes = cmp.Or(p.sizes[0], p.long)
	}
	if err := b.profiled(command, m, sizes); err != nil {
		return nil, err
	}
	out, err := exec.Command("perf", "report", "-i", file, "-q", "--stdio", "--no-children", "-F", "overhead,sym", "--percent-limit", "1").Output()
	if err != nil {
		return nil, fmt.Errorf("perf report: %w", err)
	}
	return topFunctions(out), nil
}

var topLine = regexp.MustCompile(`(?m)^\s*([0-9.]+)%\s+\[([k.])\]\s+(\S+(?: \S+)*)`)

// topFunctions are the first eight that perf shows; a k marks the kernel's.
func topFunctions(out []byte) (top []perCall) {
	for _, found := range topLine.FindAllSubmatch(out, 8) {
		percent, err := strconv.ParseFloat(string(found[1]), 64)
		if err != nil {
			continue
		}
		name := string(found[3])
		if string(found[2]) == "k" {
			name = "kernel: " + name
		}
		top = append(top, perCall{name, percent})
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
