package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"atoll"
)

// doing is what a process is doing, as /proc has it.
type doing struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
	State   string `json:"state"`        // running, sleeping, stopped, ended, gone, unknown
	In      string `json:"in,omitempty"` // the system call that its main thread is in, if we may know

	waitsFor []string
}

func doings(list []atoll.Process) (all []doing) {
	for _, p := range list {
		all = append(all, doingOf(p))
	}
	return all
}

// states are the letters that the kernel has for the states.
var states = map[string]string{
	"R": "running", "S": "sleeping", "D": "sleeping in the kernel", "T": "stopped", "t": "stopped by a debugger",
	"Z": "ended", "X": "ended", "I": "idle",
}

func doingOf(p atoll.Process) doing {
	d := doing{PID: p.PID, Command: p.Command, State: "unknown"}
	if p.PID <= 0 {
		return d
	}
	dir := "/proc/" + strconv.Itoa(p.PID)
	stat, err := os.ReadFile(dir + "/stat")
	if os.IsNotExist(err) {
		d.State = "gone"
		return d
	}
	// pid (comm) state …; comm may have anything in it, also parentheses.
	text := string(stat)
	end := strings.LastIndexByte(text, ')')
	if end < 0 {
		return d
	}
	if d.Command == "" {
		_, d.Command, _ = strings.Cut(text[:end], "(")
	}
	if fields := strings.Fields(text[end+1:]); len(fields) > 0 && states[fields[0]] != "" {
		d.State = states[fields[0]]
	}
	d.In = callIn(dir)
	return d
}

// callIn is the system call that the main thread of a process is in; "" if it is in
// none, or this user may not know.
func callIn(dir string) string {
	text, err := os.ReadFile(dir + "/syscall")
	if err != nil {
		return ""
	}
	number, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 {
		return ""
	}
	if name := callNames[n]; name != "" {
		return name
	}
	return "system call " + number
}

// text is the state in words.
func (d *doing) text() string {
	if d.In == "" {
		return d.State
	}
	return d.State + " in " + d.In
}

func (d *doing) line() string {
	return fmt.Sprintf("%s, %s", showProcess(atoll.Process{PID: d.PID, Command: d.Command}), d.text())
}

// parentOf is the process that started another; 0 if it cannot be seen.
func parentOf(pid int) int {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}
