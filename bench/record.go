//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// record is a run as it is kept beside the document: everything that is shown comes
// from it.
type record struct {
	Machine  *machine   `json:"machine,omitempty"`
	Reps     int        `json:"reps"`
	Measured []measured `json:"measured"`
	Missing  []absent   `json:"missing,omitempty"`
	Profiles []profile  `json:"profiles,omitempty"`
}

// machine is where it was.
type machine struct {
	Processor  string `json:"processor"`
	Processors int    `json:"processors"`
	Kernel     string `json:"kernel"`
	Go         string `json:"go"`
	Load       string `json:"load"` // before the run
	Date       string `json:"date"`
}

// measured are the values of a figure, in the order of their turns.
type measured struct {
	Figure  string    `json:"figure"`
	Subject string    `json:"subject"`
	Values  []float64 `json:"values"`
}

func thisMachine() *machine {
	m := &machine{
		Processors: runtime.NumCPU(), Go: runtime.Version(), Processor: runtime.GOARCH,
		Load: fmt.Sprintf("%.1f", loadAverage()), Date: time.Now().Format(time.DateOnly),
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = unix.ByteSliceToString(name.Release[:])
	}
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			m.Processor = strings.TrimSpace(value)
		}
	}
	return m
}

// record keeps what was measured.
func (f *figures) record(m *machine, profiles []profile) *record {
	r := &record{Machine: m, Reps: f.reps, Missing: f.missing, Profiles: profiles}
	f.each(func(_ *metric, _ part, figure string, of []string) {
		for _, s := range of {
			r.Measured = append(r.Measured, measured{figure, s, f.values[key{figure, s}]})
		}
	})
	return r
}

// figures are those of a record.
func (r *record) figures() *figures {
	f := &figures{values: make(map[key][]float64), missing: r.Missing, reps: r.Reps}
	for _, m := range r.Measured {
		f.values[key{m.Figure, m.Subject}] = m.Values
	}
	return f
}

// readRecord reads what an earlier run has kept.
func readRecord(path string) (*record, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(record)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func (r *record) write(path string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
