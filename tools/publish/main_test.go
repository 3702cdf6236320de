package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	tree = "../.."                // this one
	own  = "example.net/me/atoll" // what it is published as
)

// publish publishes this tree into a folder of the test.
func publish(t *testing.T, version string) (dir string) {
	t.Helper()
	if testing.Short() {
		t.Skip("copies and builds the whole tree")
	}
	j := job{from: tree, dir: filepath.Join(t.TempDir(), "copy"), to: own, version: version}
	if err := j.run(false, nil); err != nil {
		t.Fatal(err)
	}
	return j.dir
}

// goTool runs the go command in a folder, with or without the workspace above.
func goTool(t *testing.T, dir, work string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK="+work)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s in %s: %v\n%s", strings.Join(args, " "), dir, err, out)
	}
	return string(out)
}

// The copy builds and vets (publish does that itself), its modules have the new
// path, its own checks still hold, it can be published again, and the old path
// stands in no import.
func TestPublishedTreeWorks(t *testing.T) {
	dir := publish(t, "")
	if got := strings.Fields(goTool(t, dir, "", "list", "-m")); len(got) != 3 || got[0] != own || got[1] != own+"/bench" || got[2] != own+"/cmd" {
		t.Errorf("the modules are %q", got)
	}
	for pkg := range strings.FieldsSeq(goTool(t, dir, "", "list", "-deps", "-test", "work")) {
		if pkg == "atoll" || strings.HasPrefix(pkg, "atoll/") {
			t.Errorf("the copy still needs the package %s", pkg)
		}
	}
	goTool(t, dir, "off", "test", "-run", "TestLayers|TestLibraryRequires|TestPrograms", ".")
	goTool(t, filepath.Join(dir, "tools"), "", "vet", "./publish")
	t.Run("required by another module", func(t *testing.T) { requireIt(t, dir) })
	again := job{from: dir, to: "example.net/you/other"}
	if err := again.run(true, nil); err != nil {
		t.Errorf("published again, in place: %v", err)
	}
}

// requireIt makes a module of somebody else that requires the published one by
// its path.
func requireIt(t *testing.T, dir string) {
	t.Helper()
	user := t.TempDir()
	write(t, filepath.Join(user, "go.mod"), "module example.org/user\n\ngo 1.26.0\n\nrequire "+own+" v0.0.0\n\nreplace "+own+" => "+dir+"\n")
	write(t, filepath.Join(user, "main.go"), "package main\n\nimport \""+own+"\"\n\nfunc main() { _, _ = atoll.OpenEvent(\"none\", 0) }\n")
	goTool(t, user, "off", "mod", "tidy")
	goTool(t, user, "off", "vet", ".")
	goTool(t, user, "off", "build", "-o", filepath.Join(user, "out"), ".")
}

// With a version, the command requires the library as everybody else does.
func TestPublishedCommandRequiresAVersion(t *testing.T) {
	dir := publish(t, "v0.1.0")
	text, err := os.ReadFile(filepath.Join(dir, "cmd", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(text); !strings.Contains(got, own+" v0.1.0") || strings.Contains(got, "replace") {
		t.Errorf("cmd/go.mod says\n%s", got)
	}
}

func TestWrongArgumentsAreRefused(t *testing.T) {
	full := filepath.Dir(t.TempDir())
	for _, c := range []struct {
		j       job
		inPlace bool
		rest    []string
		want    string
	}{
		{job{to: own}, false, nil, "either"},
		{job{to: own, dir: "x"}, true, nil, "either"},
		{job{to: own, dir: "x"}, false, []string{"y"}, "unknown arguments"},
		{job{to: "", dir: "x"}, false, nil, "-to"},
		{job{to: "atoll", dir: "x"}, false, nil, "-to"},
		{job{to: own + "/v2", dir: "x"}, false, nil, "major version"},
		{job{to: own, dir: "x", version: "1"}, false, nil, "-version"},
		{job{to: own, dir: "x", version: "v2.0.0"}, false, nil, "-version"},
		{job{to: own, dir: full}, false, nil, "not empty"},
	} {
		c.j.from = tree
		if err := c.j.run(c.inPlace, c.rest); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.j, err, c.want)
		}
	}
}

func TestRewrite(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module atoll\n")
	r, err := newRewriter(dir, own, "", []string{"x.go", "internal/wait/slot.go", "cmd/atoll/main.go"})
	if err != nil {
		t.Fatal(err)
	}
	const fences = "```go\npackage main\n\nimport (\n\t\"atoll\"\n)\n```\n"
	for _, c := range []struct{ file, before, after string }{
		{"go.mod", "module atoll\n", "module " + own + "\n"},
		{
			"cmd/go.mod",
			"module atoll/cmd\n\nrequire (\n\tatoll v0.0.0\n\tgithub.com/a/b v1.0.0 // indirect\n)\n\nreplace atoll => ../\n",
			"module " + own + "/cmd\n\nrequire (\n\t" + own + " v0.0.0\n\tgithub.com/a/b v1.0.0 // indirect\n)\n\nreplace " + own + " => ../\n",
		},
		{"x.go", "package atoll\n\nimport \"fmt\"\n\n// atoll/internal/wait\nvar _ = fmt.Sprint(\"atoll\", \"atoll: x\", \"atoll/members\")\n", ""},
		{"x.go", "package x\n\nimport a \"atoll\"\n\nvar _ = a.X\n", "package x\n\nimport a \"" + own + "\"\n\nvar _ = a.X\n"},
		{"x.go", "package x\n\nimport (\n\t_ \"atoll/internal/wait\"\n\t_ \"b.c/d\"\n)\n", "package x\n\nimport (\n\t_ \"b.c/d\"\n\t_ \"" + own + "/internal/wait\"\n)\n"},
		{"x.go", "package x\n\nvar _ = []string{\"build\", \"atoll/cmd/atoll\", `atoll/cmd/atoll`}\n", "package x\n\nvar _ = []string{\"build\", \"" + own + "/cmd/atoll\", \"" + own + "/cmd/atoll\"}\n"},
		{"x.go", "package x\n\nimport _ \"atollish/x\"\n", ""},
		{"a.md", fences, strings.Replace(fences, `"atoll"`, `"`+own+`"`, 1)},
		{"a.md", "atoll ls; `atoll info x`; see cmd/atoll and ./cmd/atoll, atoll-1000, `atoll`, /dev/shm/atoll/x\n", ""},
		{"a.md", "go mod edit -require atoll@v0.0.0 -replace atoll=../atoll\n", "go mod edit -require " + own + "@v0.0.0 -replace " + own + "=../atoll\n"},
		{"a.md", "    require atoll v0.0.0\n    replace atoll => ../atoll\n", "    require " + own + " v0.0.0\n    replace " + own + " => ../atoll\n"},
		{"a.md", "go run atoll/cmd/atoll (`atoll/internal/wait`)\n", "go run " + own + "/cmd/atoll (`" + own + "/internal/wait`)\n"},
		{"a.md", "a\n<!-- unpublished -->\nnobody owns atoll\n<!-- /unpublished -->\nb\n", "a\n```sh\ngo get " + own + "\n```\nb\n"},
		{".golangci.yml", "      local-prefixes: [atoll]\n      module-path: atoll\n  - { pkg: atoll/internal/wait }\n", "      local-prefixes: [" + own + "]\n      module-path: " + own + "\n  - { pkg: " + own + "/internal/wait }\n"},
		{"data.json", `{"import": "atoll/internal/wait"}`, ""},
	} {
		if c.after == "" {
			c.after = c.before
		}
		got, err := r.file(c.file, []byte(c.before))
		if err != nil || string(got) != c.after {
			t.Errorf("%s: %v\n%s\nbecame\n%s\nwant\n%s", c.file, err, c.before, got, c.after)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
