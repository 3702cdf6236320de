//go:build linux

package main

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The document in the tree is what the command writes for the figures beside it.
func TestDocumentInTree(t *testing.T) {
	const file = "../docs/PERFORMANCE.md"
	r, err := readDocument(file)
	if err != nil {
		t.Fatal(err)
	}
	want, err := r.document()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what is written: go run ./bench --from docs/performance/figures.json --doc docs/PERFORMANCE.md, or with --reps 0 if there are no figures", file)
	}
}

// A run is kept whole: its document, its charts, and what they are made of. It can be
// written again, and without figures nothing else is left.
func TestDocument(t *testing.T) {
	file := filepath.Join(t.TempDir(), "PERFORMANCE.md")
	write := func(args ...string) string {
		t.Helper()
		if err := run(t.Context(), append(args, "--doc", file), io.Discard, io.Discard); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first := write("--quick", "--reps", "3", "--metric", "mutex_pair", "--subject", "atoll,go-filemutex")
	for _, want := range []string{"| atoll |", "| go-filemutex |", "(performance/mutex_pair.svg)", "| mutex_pair < glibc-robust |", "not measured"} {
		if !strings.Contains(first, want) {
			t.Errorf("the document lacks %q", want)
		}
	}
	chart, err := os.ReadFile(filepath.Join(filepath.Dir(file), "performance", "mutex_pair.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<svg", "go-filemutex"} {
		if !strings.Contains(string(chart), want) {
			t.Errorf("the chart lacks %q", want)
		}
	}
	r, err := readRecord(recordFile(file))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Measured) != 2 || len(r.Measured[0].Values) != 3 {
		t.Errorf("measured 3 times 2, and kept %+v", r.Measured)
	}
	if again := write("--from", recordFile(file)); again != first {
		t.Error("written again it is another")
	}
	if none := write("--reps", "0"); strings.Contains(none, ".svg") {
		t.Error("there are charts without figures")
	}
	if _, err := os.Stat(filepath.Dir(recordFile(file))); !os.IsNotExist(err) {
		t.Errorf("figures are left: %v", err)
	}
}

// A folder that somebody else made beside the document is left alone, and nothing is
// measured in vain.
func TestFolderOfAnother(t *testing.T) {
	file := filepath.Join(t.TempDir(), "PERFORMANCE.md")
	other := filepath.Join(filepath.Dir(recordFile(file)), "mine.txt")
	if err := os.MkdirAll(filepath.Dir(other), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	record := filepath.Join(t.TempDir(), "figures.json")
	if err := os.WriteFile(record, []byte(`{"reps":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--reps", "0"}, {"--from", record}} {
		err := run(t.Context(), append(args, "--doc", file), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "not made by this command") {
			t.Errorf("%v: %v", args, err)
		}
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

// What strace and perf print is understood.
func TestProfileTexts(t *testing.T) {
	const strace = "    calls syscall\n--------- ----------------\n       12 futex\n        3 read\n--------- ----------------\n       15 total\n"
	if got := straceCounts(strace); !reflect.DeepEqual(got, map[string]int{"futex": 12, "read": 3}) {
		t.Errorf("strace: %v", got)
	}
	const perf = "    60.00%  [.] atoll.(*Mutex).Lock       -      -            \n    20.50%  [k] futex_wake_op\n"
	if got := topFunctions([]byte(perf)); !slices.Equal(got, []perCall{{"atoll.(*Mutex).Lock", 60}, {"kernel: futex_wake_op", 20.5}}) {
		t.Errorf("perf: %v", got)
	}
}
