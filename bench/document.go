//go:build linux

package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed performance.md.tmpl
var documentText string

// recordFile is where the figures of a document are, and the charts beside it.
func recordFile(document string) string {
	return filepath.Join(filepath.Dir(document), "performance", "figures.json")
}

// replaceable says whether the folder beside a document can be written anew: what has no
// record in it was not written by this command, and is not removed.
func replaceable(document string) error {
	of := recordFile(document)
	files, err := os.ReadDir(filepath.Dir(of))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(files) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("--doc %s: %w", document, err)
	}
	if _, err := os.Lstat(of); err != nil {
		return fmt.Errorf("--doc %s: folder %s, which it would replace, was not made by this command: write the document elsewhere, or move the folder", document, filepath.Dir(of))
	}
	return nil
}

// writeDocument writes the document, its record and its charts. Without any figures
// there is only the document.
func (r *record) writeDocument(file string) error {
	text, err := r.document()
	if err != nil {
		return err
	}
	if err := replaceable(file); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return err
	}
	dir := filepath.Dir(recordFile(file))
	if err := os.RemoveAll(dir); err != nil || len(r.Measured) == 0 {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := r.write(recordFile(file)); err != nil {
		return err
	}
	return r.figures().plot(dir)
}

// readDocument reads the record of a document; without one there are no figures.
func readDocument(file string) (*record, error) {
	r, err := readRecord(recordFile(file))
	if errors.Is(err, fs.ErrNotExist) {
		return new(record), nil
	}
	return r, err
}

// table is a figure as the document shows it.
type table struct {
	Figure, What, Unit, Better, Chart string
	Rows                              []tableRow
}

type tableRow struct{ Subject, Value, Spread, Times string }

// pathTable is a path as the document shows it.
type pathTable struct {
	Metric, What string
	Found        *profile
}

func (r *record) document() (string, error) {
	f := r.figures()
	data := struct {
		*record
		Metrics  []line
		Subjects []line
		Targets  []verdict
		AllGoals []target
		Tables   []table
		Paths    []pathTable
	}{record: r, Metrics: metricLines(), Subjects: subjectLines(), Targets: f.verdicts(), AllGoals: targets, Tables: f.tables()}
	for _, p := range paths {
		t := pathTable{Metric: p.metric, What: p.what}
		for i := range r.Profiles {
			if r.Profiles[i].Metric == p.metric {
				t.Found = &r.Profiles[i]
			}
		}
		data.Paths = append(data.Paths, t)
	}
	parsed, err := template.New("document").Parse(documentText)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	err = parsed.Execute(&text, data)
	return text.String(), err
}

// line is a metric or a subject as the document lists it.
type line struct{ Name, What, Kind string }

func subjectLines() (lines []line) {
	for _, s := range subjects {
		kind := "peer"
		if s.limit {
			kind = "limit"
		}
		if s.name != "atoll" {
			lines = append(lines, line{s.name, s.what, kind})
		}
	}
	return lines
}

func (f *figures) tables() (all []table) {
	f.each(func(m *metric, p part, figure string, of []string) {
		t := table{Figure: figure, What: m.what, Unit: p.unit, Better: p.better()}
		if p.what != "" {
			t.What += ": " + p.what
		}
		if p.charted(of) {
			t.Chart = chartFile(figure)
		}
		ours, have := f.median(figure, "atoll")
		for _, s := range of {
			value, _ := f.median(figure, s)
			row := tableRow{Subject: s, Value: number(value), Spread: number(f.spread(figure, s))}
			if have && ours != 0 {
				row.Times = number(value / ours)
			}
			t.Rows = append(t.Rows, row)
		}
		all = append(all, t)
	})
	return all
}

func metricLines() (lines []line) {
	for _, m := range metrics {
		lines = append(lines, line{Name: m.name, What: m.what})
	}
	return lines
}
