// Command report runs the conformance suite on this system and under Wine, and says
// how many lines hold on each:
//
//	go run ./conformance/report
//	go run ./conformance/report -json
//	go run ./conformance/report -write docs/CONFORMANCE.md
//
// It fails if a line does.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// side is a system on which the suite ran.
type side struct {
	System  string
	Seconds float64
	Lines   []line
}

// line is what came of a line of the suite there.
type line struct {
	Area, Line, Says, Source, Result, Why string
}

// The results, in the order of tables.
var kinds = []string{"passed", "gap", "failed", "not applicable"}

func main() {
	asJSON := flag.Bool("json", false, "print every line, as JSON")
	write := flag.String("write", "", "write the report to this `file`")
	flag.Parse()
	sides, err := runBoth()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if *asJSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "\t")
		_ = out.Encode(sides)
	} else {
		fmt.Print(tables(sides))
	}
	if *write != "" && err == nil {
		err = os.WriteFile(*write, []byte(document(sides)), 0o644)
	}
	if err != nil {
		os.Exit(1)
	}
}

// runBoth runs the suite on Linux and under Wine. It gives what came of it also if
// lines fail.
func runBoth() (sides []side, err error) {
	wine, err := filepath.Abs("conformance/wine")
	if err != nil {
		return nil, err
	}
	for _, s := range []struct {
		name string
		env  []string
		args []string
	}{
		{"Linux", nil, nil},
		{"Wine", []string{"GOOS=windows", "GOARCH=amd64"}, []string{"-exec", wine}},
	} {
		ran, runErr := runSuite(s.name, s.env, s.args)
		sides = append(sides, ran)
		if runErr != nil {
			err = runErr
		}
	}
	if err == nil && !sameLines(sides[0], sides[1]) {
		err = errors.New("the sides have not the same lines")
	}
	return sides, err
}

func sameLines(a, b side) bool {
	return slices.EqualFunc(a.Lines, b.Lines, func(a, b line) bool { return a.Area == b.Area && a.Line == b.Line })
}

func runSuite(name string, env, args []string) (side, error) {
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return side{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "results.json")
	start := time.Now()
	cmd := exec.Command("go", append(append([]string{"test", "-count=1"}, args...), "./conformance", "-results", file)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	runErr := cmd.Run()
	ran := side{System: name, Seconds: time.Since(start).Seconds()}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &ran.Lines)
	}
	switch {
	case runErr != nil:
		return ran, fmt.Errorf("the suite fails on %s: %w", name, runErr)
	case err != nil:
		return ran, fmt.Errorf("no results from %s: %w", name, err)
	}
	return ran, nil
}

// tables has a table for each side: areas down, results across.
func tables(sides []side) string {
	var b strings.Builder
	for _, s := range sides {
		fmt.Fprintf(&b, "%-12s %7s %7s %7s %7s   %.0f s\n", s.System, "passed", "gaps", "failed", "n/a", s.Seconds)
		for _, row := range totals(s) {
			fmt.Fprintf(&b, "%-12s", row.area)
			for _, kind := range kinds {
				fmt.Fprintf(&b, " %7d", row.of[kind])
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// total counts the results of an area.
type total struct {
	area string
	of   map[string]int
}

// totals counts by area, in the order of the suite; the last row is for all.
func totals(s side) (rows []total) {
	all := total{"all", make(map[string]int)}
	for _, l := range s.Lines {
		if len(rows) == 0 || rows[len(rows)-1].area != l.Area {
			rows = append(rows, total{l.Area, make(map[string]int)})
		}
		rows[len(rows)-1].of[l.Result]++
		all.of[l.Result]++
	}
	return append(rows, all)
}
