//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"atoll/bench/internal/calling"
)

// The tables refer to each other by name.
func TestTables(t *testing.T) {
	for _, m := range metrics {
		if m.what == "" || len(m.parts) == 0 || !slices.Contains(m.subjects, "atoll") {
			t.Errorf("metric %s lacks something: %+v", m.name, m)
		}
		for _, name := range m.subjects {
			s := subjectOf(name)
			if s == nil || s.name != name {
				t.Errorf("metric %s: there is no subject %s", m.name, name)
			}
		}
		for _, p := range m.parts {
			if p.unit == "" {
				t.Errorf("metric %s: part %q has no unit", m.name, p.name)
			}
		}
	}
	for _, s := range subjects {
		if !slices.ContainsFunc(metrics, func(m metric) bool { return slices.Contains(m.subjects, s.name) }) {
			t.Errorf("nothing is measured of subject %s", s.name)
		}
	}
	for _, target := range targets {
		if partOf(target.figure) == nil || partOf(target.than()) == nil {
			t.Errorf("target %+v: there is no such figure", target)
		}
		metric, _, _ := strings.Cut(target.than(), "/")
		if m := metricOf(metric); m != nil && target.subject != "" && !slices.Contains(m.subjects, target.subject) {
			t.Errorf("target %+v: nobody measures this", target)
		}
	}
}

// Every metric can be measured of Atoll and of all that is installed, and each part is
// printed.
func TestEveryMetric(t *testing.T) {
	o, err := parse([]string{"--quick", "--reps", "1"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBench(t.Context(), o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer b.end()
	for i := range metrics {
		m := &metrics[i]
		t.Run(m.name, func(t *testing.T) {
			b.metrics = []*metric{m} // of what was built for all
			f, err := b.measure()
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range m.subjects {
				if slices.ContainsFunc(f.missing, func(a absent) bool { return a.Subject == name }) {
					t.Logf("%s is not installed", name)
					continue
				}
				sane(t, f, m, name)
			}
		})
	}
}

// sane checks what was measured of a subject: no speed, but what no machine can show.
func sane(t *testing.T, f *figures, m *metric, subject string) {
	t.Helper()
	found := 0
	for _, p := range m.parts {
		values := f.values[key{m.figure(p), subject}]
		if p.optional && len(values) == 0 {
			found++
			continue
		}
		if len(values) == 0 {
			continue
		}
		found++
		if len(values) != 1 {
			t.Errorf("%s of %s: %v, in 1 repetition", m.figure(p), subject, values)
		}
		for _, v := range values {
			if v < 0 && !p.signed || p.most != 0 && v > p.most {
				t.Errorf("%s of %s: %v %s", m.figure(p), subject, v, p.unit)
			}
		}
	}
	if found == 0 || found != len(m.parts) && subject == "atoll" {
		t.Errorf("%s: %d of %d parts of %s", m.name, found, len(m.parts), subject)
	}
}

func TestJSON(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), []string{"--quick", "--reps", "1", "--metric", "mutex_pair", "--subject", "atoll", "--json"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	if err := json.Unmarshal([]byte(out.String()), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1 || len(rows[0]) != 5 || rows[0]["metric"] != "mutex_pair" || rows[0]["subject"] != "atoll" ||
		rows[0]["unit"] != "ns" || rows[0]["lower_is_better"] != true {
		t.Errorf("it printed %s", out.String())
	}
	if v, ok := rows[0]["value"].(float64); !ok || v <= 0 {
		t.Errorf("the value is %v", rows[0]["value"])
	}
}

func TestVerdicts(t *testing.T) {
	f := &figures{values: map[key][]float64{
		{"mutex_pair", "atoll"}:        {14, 10, 12},
		{"mutex_pair", "raw-cas"}:      {9, 10},
		{"mutex_pair", "glibc-robust"}: {12},
		{"pingpong", "atoll"}:          {1},
	}}
	want := []verdict{
		{"mutex_pair ≤ 1.25 × raw-cas", "12.0, limit 11.9", "missed"},
		{"mutex_pair < glibc-robust", "12.0, limit 12.0", "missed"},
		{"pingpong ≤ 0.1 × raw-futex", "1.00", "not measured"},
	}
	if got := f.verdicts(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, c := range []struct {
		t            target
		found, limit float64
		want         bool
	}{
		{target{figure: "pingpong"}, 5, 5, true},
		{target{figure: "pingpong"}, 5.1, 5, false},
		{target{figure: "pingpong", strict: true}, 5, 5, false},
		{target{figure: "pingpong", strict: true}, 4, 5, true},
	} {
		if got := c.t.meets(c.found, c.limit); got != c.want {
			t.Errorf("%v with %v and limit %v: %v", c.t, c.found, c.limit, got)
		}
	}
}

func TestQuantile(t *testing.T) {
	list := []float64{4, 1, 3, 2}
	if got := calling.Quantile(list, 0.5); got != 2.5 {
		t.Errorf("median of %v: %v", list, got)
	}
	if got := calling.Quantile(list[:3], 0.5); got != 3 {
		t.Errorf("median of %v: %v", list[:3], got)
	}
	if got := calling.Quantile(nil, 0.5); got != 0 {
		t.Errorf("median of nothing: %v", got)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{1234567: "1,234,567", 12.34: "12.3", 0.12345: "0.123", 123.4: "123", 2: "2.00", -1234: "-1,234"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}

// What is wrong is named.
func TestWrongFlags(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--metric nonsense", "nonsense"},
		{"--subject nobody", "nobody"},
		{"--reps 0", "at least once"},
		{"nonsense", "flags only"},
		{"--quick --metric mutex_pair --subject mmap-go", "nothing is measured"},
		{"--quick --metric mutex_pair --subject mmap-go --json", "nothing is measured"},
		{"--quick --metric mutex_pair --subject atoll --plot /dev/null/charts", "--plot"},
		{"--quick --metric mutex_pair --subject atoll --doc /dev/null/x.md", "--doc"},
	} {
		if err := run(t.Context(), strings.Fields(c.args), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.args, err, c.want)
		}
	}
}

// What is not installed is said where it is asked for, and is no run without figures.
func TestNotInstalled(t *testing.T) {
	t.Setenv("PATH", "")
	for _, c := range []struct{ subject, want string }{
		{"atoll,flock", "go"},
		{"flock", "apt-get install gcc"},
	} {
		var out strings.Builder
		err := run(t.Context(), []string{"--quick", "--metric", "mutex_pair", "--subject", c.subject, "--json"}, &out, io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || out.Len() != 0 {
			t.Errorf("%s: %v, want %q; it printed %q", c.subject, err, c.want, out.String())
		}
	}
	var out strings.Builder
	if err := run(t.Context(), []string{"--list", "--subject", "atoll,flock"}, &out, io.Discard); err != nil || strings.Count(out.String(), "not installed") != 2 {
		t.Errorf("%v; it printed %q", err, out.String())
	}
}

// With --json, too, is said what is missing.
func TestMissingBesideJSON(t *testing.T) {
	f := &figures{values: map[key][]float64{{"mutex_pair", "atoll"}: {1}}, missing: []absent{{"flock", "get gcc"}}}
	var out, progress strings.Builder
	if err := f.write(&out, &progress, true); err != nil {
		t.Fatal(err)
	}
	if !json.Valid([]byte(out.String())) || !strings.Contains(progress.String(), "flock, not installed: get gcc") {
		t.Errorf("it printed %q and said %q", out.String(), progress.String())
	}
}

// A program that prints what is no figure is not believed.
func TestWhatIsNoFigure(t *testing.T) {
	for _, out := range []string{"", "-", "- x", "nonsense 1", "- NaN", "- +Inf"} {
		f := &figures{values: make(map[key][]float64)}
		if err := f.read(metricOf("mutex_pair"), subjectOf("atoll"), []byte(out)); err == nil {
			t.Errorf("%q was read as %v", out, f.values)
		}
	}
}

// Who is interrupted ends what it has started, and leaves nothing.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o, err := parse([]string{"--reps", "1000000", "--metric", "owner_death", "--subject", "atoll"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBench(ctx, o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := b.measure(); !errors.Is(err, context.Canceled) {
		t.Errorf("it was interrupted, but: %v", err)
	}
	b.end()
	if _, err := os.Stat(b.dir); !os.IsNotExist(err) {
		t.Errorf("its folder is left: %v", err)
	}
}
