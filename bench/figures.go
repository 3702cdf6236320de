//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"atoll/bench/internal/calling"
)

// figures are what a run has measured.
type figures struct {
	values  map[key][]float64
	missing []absent
	reps    int
}

// key is a figure, as it is printed, of a subject.
type key struct{ figure, subject string }

// absent is a subject that could not be measured.
type absent struct{ Subject, Why string }

func newFigures(b *bench) *figures {
	f := &figures{values: make(map[key][]float64), reps: b.reps}
	for i := range subjects {
		if s := &subjects[i]; b.needed(s) && b.missing[s.kind] != nil {
			f.missing = append(f.missing, absent{s.name, b.missing[s.kind].Error()})
		}
	}
	return f
}

// read notes what a program printed: every line a part that the metric has, and a
// number that can be one.
func (f *figures) read(m *metric, s *subject, out []byte) error {
	n := 0
	for in := bufio.NewScanner(bytes.NewReader(out)); in.Scan(); n++ {
		name, value := "", 0.0
		if _, err := fmt.Sscan(in.Text(), &name, &value); err != nil {
			return fmt.Errorf("it printed %q: %w", in.Text(), err)
		}
		if name == "-" {
			name = ""
		}
		i := slices.IndexFunc(m.parts, func(p part) bool { return p.name == name })
		if i < 0 || math.IsNaN(value) || math.IsInf(value, 0) {
			return fmt.Errorf("it printed %q, which is no figure of this metric", in.Text())
		}
		k := key{m.figure(m.parts[i]), s.name}
		f.values[k] = append(f.values[k], value)
	}
	if n == 0 {
		return fmt.Errorf("it printed nothing")
	}
	return nil
}

// median is that of a figure; false if it was not measured.
func (f *figures) median(figure, subject string) (float64, bool) {
	values := f.values[key{figure, subject}]
	return calling.Quantile(values, 0.5), len(values) != 0
}

// spread is half of what lies between the quartiles, in percent of the median.
func (f *figures) spread(figure, subject string) float64 {
	values := f.values[key{figure, subject}]
	middle := calling.Quantile(values, 0.5)
	if middle == 0 {
		return 0
	}
	return math.Abs((calling.Quantile(values, 0.75) - calling.Quantile(values, 0.25)) / 2 / middle * 100)
}

// each calls a function for every figure that was measured of anybody, in order.
func (f *figures) each(call func(m *metric, p part, figure string, of []string)) {
	for i := range metrics {
		m := &metrics[i]
		for _, p := range m.parts {
			figure := m.figure(p)
			var of []string
			for _, s := range m.subjects {
				if _, ok := f.median(figure, s); ok {
					of = append(of, s)
				}
			}
			if len(of) != 0 {
				call(m, p, figure, of)
			}
		}
	}
}

// row is a median as it is printed for programs.
type row struct {
	Metric        string  `json:"metric"`
	Subject       string  `json:"subject"`
	Value         float64 `json:"value"`
	Unit          string  `json:"unit"`
	LowerIsBetter bool    `json:"lower_is_better"`
}

func (f *figures) rows() []row {
	rows := []row{}
	f.each(func(_ *metric, p part, figure string, of []string) {
		for _, s := range of {
			value, _ := f.median(figure, s)
			rows = append(rows, row{figure, s, value, p.unit, !p.higher})
		}
	})
	return rows
}

// write prints the figures, for people or as JSON, which has no place for what is missing.
func (f *figures) write(out, progress io.Writer, asJSON bool) error {
	if !asJSON {
		return f.writeText(out)
	}
	for _, a := range f.missing {
		_, _ = fmt.Fprintf(progress, "not measured: %s, not installed: %s\n", a.Subject, a.Why)
	}
	return f.writeJSON(out)
}

func (f *figures) writeJSON(out io.Writer) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(f.rows())
}

// writeText writes tables for people.
func (f *figures) writeText(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	f.each(func(m *metric, p part, figure string, of []string) {
		what := m.what
		if p.what != "" {
			what = p.what
		}
		_, _ = fmt.Fprintf(t, "\n%s: %s (%s, %s)\n", figure, what, p.unit, p.better())
		for _, s := range of {
			value, _ := f.median(figure, s)
			_, _ = fmt.Fprintf(t, "  %s\t%s\t±%.0f %%\n", s, number(value), f.spread(figure, s))
		}
	})
	_, _ = fmt.Fprintln(t, "\nTargets:")
	for _, v := range f.verdicts() {
		_, _ = fmt.Fprintf(t, "  %s\t%s\t%s\n", v.Target, v.Found, v.Verdict)
	}
	if len(f.missing) != 0 {
		_, _ = fmt.Fprintln(t, "\nNot measured:")
	}
	for _, a := range f.missing {
		_, _ = fmt.Fprintf(t, "  %s\tnot installed: %s\n", a.Subject, a.Why)
	}
	return t.Flush()
}

func (p part) better() string {
	if p.higher {
		return "more is better"
	}
	return "less is better"
}

// number writes a value with as many digits as mean something.
func number(v float64) string {
	digits := 0
	for limit := 100.0; digits < 3 && math.Abs(v) < limit; limit /= 10 {
		digits++
	}
	text := fmt.Sprintf("%.*f", digits, v)
	whole, rest, point := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		whole += "." + rest
	}
	return whole
}
