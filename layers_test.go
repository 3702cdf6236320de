package atoll_test

import (
	"bufio"
	"errors"
	"fmt"
	"go/build"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The layers. A package imports from rows below its own, never from its own row,
// and of everything else only what its row allows. A package that no row names is
// refused: it has to be given a place here first.

// layer says where a package stands and what it may import besides the rows
// below it.
type layer struct {
	row   int
	deny  []string // of the standard library; a name covers what lies below it
	allow []string // other modules
	// linuxOnly: no file but doc.go belongs to another system.
	linuxOnly bool
	// windowsOnly: the same for Windows.
	windowsOnly bool
	// testsOnly: there are no files but tests and doc.go.
	testsOnly bool
	// forTests: only tests may import it.
	forTests bool
	// unsafeIn is the only file that may import unsafe; "" means any may.
	unsafeIn string
}

const (
	xsys        = "golang.org/x/sys/unix"
	xsysWindows = "golang.org/x/sys/windows"
)

// pure packages know no system and no clock, so that they can be tested without.
var pure = []string{"net", "os", "syscall", "time"}

// early packages take over before package os is initialised, which fmt and others
// need.
var early = []string{"os", "fmt", "net", "log", "bufio"}

var layers = map[string]layer{
	"internal/check": {row: 0, deny: pure},
	"internal/errs":  {row: 0, deny: []string{"net", "os", "time"}}, // syscall: the numbers of errors

	"internal/access":  {row: 1, deny: append(pure, "unsafe")},
	"internal/layout":  {row: 1, deny: pure},
	"internal/cmdline": {row: 1, deny: pure},

	"internal/jobinfo": {row: 2, deny: pure},
	"internal/section": {row: 2, deny: []string{"net", "syscall", "time"}}, // os: files

	"internal/sddl": {row: 2, deny: append(pure, "unsafe")},

	"internal/futex":    {row: 2, allow: []string{xsys}, linuxOnly: true},
	"internal/lockfile": {row: 2, allow: []string{xsys}, linuxOnly: true},

	"internal/cgroup":   {row: 2, deny: early, allow: []string{xsys}, linuxOnly: true},
	"internal/guardian": {row: 3, deny: early, allow: []string{xsys}, linuxOnly: true},
	"internal/proxy":    {row: 4, allow: []string{xsys}, linuxOnly: true},
	"internal/job":      {row: 4, allow: []string{xsys}, linuxOnly: true},

	"internal/winfile":   {row: 4, allow: []string{xsys}, linuxOnly: true},
	"internal/fileuse":   {row: 3, allow: []string{xsys}, linuxOnly: true},
	"internal/thread":    {row: 3, allow: []string{xsys}, linuxOnly: true},
	"internal/liveness":  {row: 3, allow: []string{xsys}, linuxOnly: true},
	"internal/namespace": {row: 3, allow: []string{xsys}},

	"internal/setup":    {row: 4, allow: []string{xsys}, linuxOnly: true},
	"internal/boundary": {row: 4, allow: []string{xsys}, linuxOnly: true},
	"internal/ending":   {row: 2, allow: []string{xsys}, linuxOnly: true},
	"internal/transfer": {row: 4, allow: []string{xsys}, linuxOnly: true},

	"internal/park": {row: 3, allow: []string{xsys}, linuxOnly: true},
	"internal/wait": {row: 4, allow: []string{xsys}, linuxOnly: true},

	"internal/backing": {row: 4, allow: []string{xsys}, linuxOnly: true},

	"internal/usage":   {row: 0, deny: pure},
	"internal/mapping": {row: 5, allow: []string{xsys}, linuxOnly: true},
	"internal/views":   {row: 6, allow: []string{xsys}, linuxOnly: true},
	"internal/doctor":  {row: 5, allow: []string{xsys}, linuxOnly: true},
	"internal/space":   {row: 5, allow: []string{xsys}, linuxOnly: true},
	"internal/onlinux": {row: 6, allow: []string{xsys}, linuxOnly: true},

	"internal/onwindows": {row: 6, allow: []string{xsysWindows}, windowsOnly: true},

	"internal/port": {row: 5, linuxOnly: true},

	"internal/parley":     {row: 5, allow: []string{xsys}},
	"internal/winprocess": {row: 6, allow: []string{xsys}, linuxOnly: true},

	"internal/alertable": {row: 7, allow: []string{xsys}, linuxOnly: true},
	"internal/routine":   {row: 7, allow: []string{xsys}, linuxOnly: true},
	"internal/kernel32":  {row: 8, allow: []string{xsys}, linuxOnly: true},

	".":     {row: 8, deny: []string{"syscall"}, unsafeIn: "typed.go"},
	"win32": {row: 9, allow: []string{xsysWindows}},

	"examples/inherit": {row: 9, deny: []string{"syscall", "unsafe"}},
	"examples/socket":  {row: 9, deny: []string{"syscall", "unsafe"}},

	"examples/win32/filemapping":  {row: 10, deny: []string{"syscall", "unsafe"}},
	"examples/win32/job":          {row: 10, deny: []string{"syscall"}},
	"examples/win32/mutex":        {row: 10, deny: []string{"syscall", "unsafe"}},
	"examples/win32/semaphore":    {row: 10, deny: []string{"syscall", "unsafe"}},
	"examples/win32/sharedmemory": {row: 10, deny: []string{"syscall", "unsafe"}},
	"examples/win32/timer":        {row: 10, deny: []string{"syscall", "unsafe"}},
	"examples/win32/waitmultiple": {row: 10, deny: []string{"syscall", "unsafe"}},

	"conformance":        {row: 10, allow: []string{xsysWindows}, testsOnly: true},
	"conformance/report": {row: 9, deny: []string{"syscall", "unsafe"}},
	"internal/testkit":   {row: 9, allow: []string{xsys}, forTests: true},
	"models":             {row: 9, testsOnly: true},
	"mutants":            {row: 9, testsOnly: true},
}

// testModules are what the library's tests may require; importers of the library
// get none of their packages.
var testModules = []string{
	"github.com/anishathalye/porcupine",
	"github.com/google/go-cmp",
	"pgregory.net/rapid",
}

// views are the builds whose imports are read.
var views = []struct {
	goos string
	tags []string
}{
	{"linux", nil},
	{"linux", []string{"atollcheck", "race"}},
	{"windows", nil},
	{"darwin", nil},
}

func TestLayers(t *testing.T) {
	for _, wrong := range checkLayers(t, ".") {
		t.Error(wrong)
	}
}

// checkLayers reads the imports of every package of the library below root and
// says which are wrong.
func checkLayers(t *testing.T, root string) (wrong []string) {
	t.Helper()
	module := moduleOf(t, root)
	for _, dir := range packageDirs(t, root) {
		l, known := layers[dir]
		if !known {
			wrong = append(wrong, dir+": no row of layers_test.go names this package")
			continue
		}
		for _, view := range views {
			ctx := build.Default
			ctx.GOOS, ctx.GOARCH, ctx.BuildTags = view.goos, "amd64", view.tags
			p, err := ctx.ImportDir(filepath.Join(root, dir), 0)
			if empty := (*build.NoGoError)(nil); errors.As(err, &empty) {
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			wrong = append(wrong, l.wrongImports(module, dir, p)...)
			wrong = append(wrong, l.wrongFiles(dir, view.goos, p)...)
		}
	}
	slices.Sort(wrong)
	return slices.Compact(wrong)
}

// wrongImports says which imports of a package its row does not allow.
func (l layer) wrongImports(module, dir string, p *build.Package) (wrong []string) {
	for imported, positions := range p.ImportPos {
		if why := l.refuse(module, dir, imported, false); why != "" {
			wrong = append(wrong, fmt.Sprintf("%s imports %s: %s", positions[0], imported, why))
		}
		if imported == "unsafe" && l.unsafeIn != "" {
			for _, pos := range positions {
				if filepath.Base(pos.Filename) != l.unsafeIn {
					wrong = append(wrong, fmt.Sprintf("%s imports unsafe: in this package only %s may", pos, l.unsafeIn))
				}
			}
		}
	}
	for _, tests := range []map[string][]token.Position{p.TestImportPos, p.XTestImportPos} {
		for imported, positions := range tests {
			if why := l.refuse(module, dir, imported, true); why != "" {
				wrong = append(wrong, fmt.Sprintf("%s imports %s: %s", positions[0], imported, why))
			}
		}
	}
	return wrong
}

// refuse says why a package must not import another; "" if it may.
func (l layer) refuse(module, dir, imported string, test bool) string {
	other, ours := strings.CutPrefix(imported+"/", module+"/")
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case ours:
		return l.refuseOurs(dir, path.Clean(other), test)
	case !strings.Contains(first, "."):
		if i := slices.IndexFunc(l.deny, within(imported)); i >= 0 && !test {
			return "its row may not use " + l.deny[i]
		}
		return ""
	case slices.Contains(l.allow, imported), test && (imported == xsys || slices.ContainsFunc(testModules, within(imported))):
		return ""
	}
	return "its row may not use this module"
}

// refuseOurs is refuse for a package of the library itself.
func (l layer) refuseOurs(dir, other string, test bool) string {
	o, known := layers[other]
	switch {
	case !known:
		return "no row of layers_test.go names it"
	case o.forTests && !test:
		return "only tests may"
	case o.forTests, test && other == dir:
		return ""
	case o.row >= l.row:
		return fmt.Sprintf("it stands in row %d, the importer in row %d; only lower rows may be imported", o.row, l.row)
	}
	return ""
}

// wrongFiles says which files of a package are built where they do not belong.
func (l layer) wrongFiles(dir, goos string, p *build.Package) (wrong []string) {
	for _, name := range p.GoFiles {
		switch {
		case name == "doc.go":
		case l.testsOnly:
			wrong = append(wrong, path.Join(dir, name)+": this folder has only tests and a doc.go")
		case l.windowsOnly && goos != "windows":
			wrong = append(wrong, path.Join(dir, name)+": is built for other systems too; in this package every file but doc.go needs //go:build windows")
		case l.linuxOnly && goos != "linux":
			wrong = append(wrong, path.Join(dir, name)+": is built for other systems too; in this package every file but doc.go needs //go:build linux")
		}
	}
	return wrong
}

// within tells whether an import path is a name of a list, or lies below it.
func within(imported string) func(name string) bool {
	return func(name string) bool { return imported == name || strings.HasPrefix(imported, name+"/") }
}

// packageDirs lists the folders with Go files that belong to the module at root.
func packageDirs(t *testing.T, root string) (dirs []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "testdata" || file != root && strings.HasPrefix(d.Name(), ".") || file != root && exists(filepath.Join(file, "go.mod")) {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(file) == ".go" {
			dir, err := filepath.Rel(root, filepath.Dir(file))
			if err != nil {
				return err
			}
			dirs = append(dirs, filepath.ToSlash(dir))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// moduleOf reads the module path of a folder's go.mod.
func moduleOf(t *testing.T, root string) string {
	t.Helper()
	for _, line := range goModLines(t, root) {
		if module, ok := strings.CutPrefix(line, "module "); ok {
			return module
		}
	}
	t.Fatalf("%s/go.mod names no module", root)
	return ""
}

// goModLines gives the lines of a folder's go.mod without blocks and comments:
// "require a v1", "replace b => c".
func goModLines(t *testing.T, root string) (lines []string) {
	t.Helper()
	f, err := os.Open(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	block := ""
	for in := bufio.NewScanner(f); in.Scan(); {
		line, _, _ := strings.Cut(in.Text(), "//")
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case line == ")":
			block = ""
		case strings.HasSuffix(line, "("):
			block = strings.TrimSuffix(line, "(")
		default:
			lines = append(lines, block+line)
		}
	}
	return lines
}

func TestLibraryRequiresOnlyXSys(t *testing.T) {
	for _, line := range goModLines(t, ".") {
		if required, ok := strings.CutPrefix(line, "require "); ok {
			module := strings.Fields(required)[0]
			if module != "golang.org/x/sys" && !slices.Contains(testModules, module) {
				t.Errorf("go.mod requires %s: the library requires golang.org/x/sys, its tests %q, and nothing else", module, testModules)
			}
		}
	}
}

// The test of the test: a tree with one mistake is refused by name.
func TestLayersRefuseWhatIsWrong(t *testing.T) {
	const doc = "// Package x is planted.\n"
	for _, c := range []struct{ name, file, source, want string }{
		{"sound", "internal/wait/doc.go", doc + "package wait", ""},
		{"sound linux file", "internal/wait/x.go", "//go:build linux\n\npackage wait\n\nimport (\n_ \"planted/internal/futex\"\n_ \"os\"\n)", ""},
		{"sound suffix", "internal/wait/x_linux.go", "package wait", ""},
		{"sound test", "internal/layout/x_test.go", "package layout_test\n\nimport (\n_ \"os\"\n_ \"pgregory.net/rapid\"\n_ \"planted/internal/layout\"\n_ \"planted/internal/testkit\"\n)", ""},
		{"upwards", "internal/futex/x.go", "//go:build linux\n\npackage futex\n\nimport _ \"planted/internal/wait\"", "only lower rows may be imported"},
		{"upwards behind a tag", "internal/errs/x.go", "//go:build atollcheck\n\npackage errs\n\nimport _ \"planted/internal/wait\"", "only lower rows may be imported"},
		{"same row", "internal/futex/x.go", "//go:build linux\n\npackage futex\n\nimport _ \"planted/internal/lockfile\"", "only lower rows may be imported"},
		{"the root from below", "internal/wait/x.go", "//go:build linux\n\npackage wait\n\nimport _ \"planted\"", "only lower rows may be imported"},
		{"upwards in a test", "internal/futex/x_test.go", "package futex\n\nimport _ \"planted/internal/wait\"", "only lower rows may be imported"},
		{"unlisted package", "internal/extra/x.go", "package extra", "internal/extra: no row"},
		{"unlisted import", "x.go", "package atoll\n\nimport _ \"planted/internal/extra\"", "no row of layers_test.go names it"},
		{"clock in a pure package", "internal/layout/x.go", "package layout\n\nimport _ \"time\"", "may not use time"},
		{"below a refused package", "internal/layout/x.go", "package layout\n\nimport _ \"os/exec\"", "may not use os"},
		{"system call in the root", "x_windows.go", "package atoll\n\nimport _ \"syscall\"", "may not use syscall"},
		{"x/sys in the root", "x_windows.go", "package atoll\n\nimport _ \"golang.org/x/sys/windows\"", "may not use this module"},
		{"unsafe in the root", "x.go", "package atoll\n\nimport _ \"unsafe\"", "only typed.go may"},
		{"another module", "internal/wait/x.go", "//go:build linux\n\npackage wait\n\nimport _ \"github.com/google/go-cmp/cmp\"", "may not use this module"},
		{"testkit in the library", "x.go", "package atoll\n\nimport _ \"planted/internal/testkit\"", "only tests may"},
		{"untagged file", "internal/wait/x.go", "package wait", "needs //go:build linux"},
		{"file for windows", "internal/wait/x.go", "//go:build windows\n\npackage wait", "needs //go:build linux"},
		{"source among models", "models/x.go", "package models", "only tests"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			plant(t, root, "go.mod", "module planted // here\n\ngo 1.26\n")
			plant(t, root, c.file, c.source+"\n")
			plant(t, root, "tools/go.mod", "module planted/tools\n")
			plant(t, root, "tools/x.go", "package tools\n") // another module: none of ours
			got := checkLayers(t, root)
			if c.want == "" {
				if len(got) != 0 {
					t.Errorf("refused: %q", got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0], c.want) || !strings.Contains(filepath.ToSlash(got[0]), path.Dir(c.file)) {
				t.Errorf("got %q, want one that names the file and says %q", got, c.want)
			}
		})
	}
}

// plant writes a file of a tree that a test makes.
func plant(t *testing.T, root, file, text string) {
	t.Helper()
	full := filepath.Join(root, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
