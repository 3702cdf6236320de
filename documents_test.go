package atoll_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the documents show must work: every Go fence is a whole program that
// vets in a module of its own, and every command line names a command that
// exists.

// fenced is a block between fences of a document.
type fenced struct {
	at       string // file and line, for messages
	language string
	lines    []string
}

// documents are README.md and what lies in docs/.
func documents(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join("docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	return append(list, "README.md")
}

// fences lists the fenced blocks of a document's text.
func fences(name, text string) (all []fenced) {
	open := false
	for i, line := range strings.Split(text, "\n") {
		switch language, marked := strings.CutPrefix(line, "```"); {
		case marked && open:
			open = false
		case marked:
			open = true
			all = append(all, fenced{at: fmt.Sprintf("%s:%d", name, i+1), language: language})
		case open:
			last := &all[len(all)-1]
			last.lines = append(last.lines, line)
		}
	}
	return all
}

// allFences lists the fenced blocks of all documents in some languages.
func allFences(t *testing.T, languages ...string) (all []fenced) {
	t.Helper()
	for _, name := range documents(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fences(name, string(text)) {
			if slices.Contains(languages, f.language) {
				all = append(all, f)
			}
		}
	}
	return all
}

func TestProgramsInDocuments(t *testing.T) {
	programs := allFences(t, "go")
	if len(programs) == 0 {
		return
	}
	dir := t.TempDir()
	outsideModule(t, dir)
	for i, f := range programs {
		if !slices.Contains(f.lines, "package main") {
			t.Errorf("%s: this is no whole program: make it one, with package main, or do not mark it as go", f.at)
			continue
		}
		plant(t, dir, fmt.Sprintf("program%d/main.go", i), strings.Join(f.lines, "\n")+"\n")
		cmd := exec.Command("gofmt", "-l", ".")
		cmd.Dir = filepath.Join(dir, fmt.Sprintf("program%d", i))
		if out, err := cmd.CombinedOutput(); err != nil || len(out) != 0 {
			t.Errorf("%s: gofmt wants it otherwise: %v %s", f.at, err, out)
		}
	}
	vet := exec.Command("go", "vet", "./...")
	vet.Dir = dir
	vet.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	if out, err := vet.CombinedOutput(); err != nil {
		var where []string
		for i, f := range programs {
			where = append(where, fmt.Sprintf("program%d is %s", i, f.at))
		}
		t.Errorf("%v\n%s%s", err, out, strings.Join(where, "\n"))
	}
}

// outsideModule makes a module that requires the library as somebody else's does,
// with what the library itself requires, so that nothing need be fetched.
func outsideModule(t *testing.T, dir string) {
	t.Helper()
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	module := moduleOf(t, ".")
	lines := []string{"module documents", "go 1.26.0", "require " + module + " v0.0.0", "replace " + module + " => " + here}
	for _, line := range goModLines(t, ".") {
		if strings.HasPrefix(line, "require ") {
			lines = append(lines, line+" // indirect")
		}
	}
	plant(t, dir, "go.mod", strings.Join(lines, "\n")+"\n")
	plant(t, dir, "go.sum", string(sums))
}

func TestCommandsInDocuments(t *testing.T) {
	verbs := commandVerbs(t)
	for _, f := range allFences(t, "sh", "console") {
		for _, wrong := range wrongCommands(f, verbs) {
			t.Error(wrong)
		}
	}
}

// wrongCommands says which command lines of a block name what does not exist. In
// a console block only lines after a prompt are commands.
func wrongCommands(f fenced, verbs []string) (wrong []string) {
	for _, line := range f.lines {
		line, prompt := strings.CutPrefix(strings.TrimSpace(line), "$ ")
		if f.language == "console" && !prompt {
			continue
		}
		words := strings.Fields(line)
		if len(words) > 2 && slices.Equal(words[:3], []string{"go", "run", "./cmd/atoll"}) {
			words = append([]string{"atoll"}, words[3:]...)
		}
		if len(words) > 1 && words[0] == "atoll" && !strings.HasPrefix(words[1], "-") && !slices.Contains(verbs, words[1]) {
			wrong = append(wrong, fmt.Sprintf("%s: %q: the command has no %s, only %q", f.at, line, words[1], verbs))
		}
		if len(words) > 0 && words[0] == "go" && !strings.Contains(line, " -C ") {
			for _, word := range words {
				if dir := strings.TrimSuffix(word, "/..."); strings.HasPrefix(dir, "./") && !exists(filepath.FromSlash(dir)) {
					wrong = append(wrong, fmt.Sprintf("%s: %q: there is no %s", f.at, line, dir))
				}
			}
		}
	}
	return wrong
}

// commandVerbs reads the names of the command's subcommands from its source; two come
// with the library that parses its arguments.
func commandVerbs(t *testing.T) (verbs []string) {
	t.Helper()
	verbs = []string{"completion", "help"}
	use := regexp.MustCompile(`\b(?:Use:\s+|eventVerb\()"([a-z]+)`)
	files, err := filepath.Glob(filepath.Join("cmd", "atoll", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no source of the command: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range use.FindAllSubmatch(text, -1) {
			verbs = append(verbs, string(found[1]))
		}
	}
	slices.Sort(verbs)
	return verbs
}

// The test of the tests: a wrong line is found where it stands.
func TestWrongCommandsInDocumentsAreSeen(t *testing.T) {
	const text = "a\n```console\n$ atoll sing x\natoll dance\n$ go run ./cmd/atoll hum\n```\n`atoll sing`\n```sh\ngo test work\ngo run ./cmd/atoll ls\ngo build ./nowhere/...\natoll --help\n```\n"
	var got []string
	for _, f := range fences("x.md", text) {
		got = append(got, wrongCommands(f, []string{"ls"})...)
	}
	want := []string{"x.md:2", "x.md:2", "x.md:8"}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("got %q, want them at %q", got, want)
	}
}

// A link from a document to a file of the tree leads somewhere.
func TestLinksInDocuments(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#: "]+)(#[^)]*)?\)`)
	for _, name := range documents(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllSubmatch(text, -1) {
			if target := filepath.Join(filepath.Dir(name), string(found[1])); !exists(target) {
				t.Errorf("%s links to %s, which does not exist", name, found[1])
			}
		}
	}
}

// The top of README says how to see Atoll work and how to test it; both are what
// CI runs.
func TestReadmeBeginsWithTheTwoCommands(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	all := fences("README.md", string(text))
	want := []string{"go run ./cmd/atoll demo", "go test work"}
	if len(all) == 0 || len(all[0].lines) != len(want) {
		t.Fatalf("the first block of README.md is not %q", want)
	}
	for i, line := range all[0].lines {
		if command, _, _ := strings.Cut(line, "#"); strings.TrimSpace(command) != want[i] {
			t.Errorf("%s: line %q, want %q", all[0].at, line, want[i])
		}
	}
}

// docs/CONFORMANCE.md has each line of the checklist, once. CI checks what it says of
// them.
func TestConformancePage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("docs", "CONFORMANCE.md"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile(filepath.Join("testdata", "c-numbers.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, row := range regexp.MustCompile(`(?m)^\| (C\d{3}) \|`).FindAllSubmatch(page, -1) {
		rows = append(rows, string(row[1]))
	}
	slices.Sort(rows)
	if numbers := strings.Fields(string(list)); !slices.Equal(rows, numbers) {
		t.Errorf("the page has %d lines, not the %d of testdata/c-numbers.txt: go run ./conformance/report -write docs/CONFORMANCE.md", len(rows), len(numbers))
	}
}
