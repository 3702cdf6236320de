package atoll_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Budgets of size and of documentation. They are hard; where one hurts, the
// thing wants to be two things.
const (
	maxFunctionLines = 70   // comments do not count
	maxFileLines     = 800  // tests may be longer, and what is generated
	maxPackageLines  = 3500 // of a package in internal/, without tests
)

// source is one parsed file.
type source struct {
	path  string // with slashes, from the root of the tree
	text  []byte
	set   *token.FileSet
	file  *ast.File
	lines int
}

func (s *source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

func (s *source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.set.Position(n.Pos()).Line)
}

// sources parses every Go file of the library, the benchmarks and the command.
func sources(t *testing.T) (all []*source) {
	t.Helper()
	for _, root := range []string{".", "bench", "cmd"} {
		for _, dir := range packageDirs(t, root) {
			files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range files {
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, parse(t, filepath.ToSlash(path), text))
			}
		}
	}
	return all
}

func parse(t *testing.T, path string, text []byte) *source {
	t.Helper()
	s := &source{path: path, text: text, set: token.NewFileSet(), lines: bytes.Count(text, []byte("\n"))}
	var err error
	if s.file, err = parser.ParseFile(s.set, path, text, parser.ParseComments); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBudgets(t *testing.T) {
	packages := make(map[string]int)
	for _, s := range sources(t) {
		for _, over := range s.overBudget() {
			t.Error(over)
		}
		if !s.isTest() {
			packages[filepath.ToSlash(filepath.Dir(s.path))] += s.lines
		}
	}
	for dir, lines := range packages {
		if strings.HasPrefix(dir, "internal/") && lines > maxPackageLines {
			t.Errorf("%s has %d lines, more than %d: split it", dir, lines, maxPackageLines)
		}
	}
}

// overBudget names what of a file is too long.
func (s *source) overBudget() (over []string) {
	if s.lines > maxFileLines && !s.isTest() && !ast.IsGenerated(s.file) {
		over = append(over, fmt.Sprintf("%s has %d lines, more than %d", s.path, s.lines, maxFileLines))
	}
	for _, d := range s.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
			if n := s.codeLines(f.Body); n > maxFunctionLines {
				over = append(over, fmt.Sprintf("%s: %s has %d lines, more than %d", s.at(f), f.Name.Name, n, maxFunctionLines))
			}
		}
	}
	return over
}

// codeLines counts the lines between the braces, without those that are comment.
func (s *source) codeLines(body *ast.BlockStmt) int {
	first, last := s.set.Position(body.Lbrace).Line, s.set.Position(body.Rbrace).Line
	n := last - first - 1
	for _, group := range s.file.Comments {
		for _, c := range group.List {
			from, to := s.set.Position(c.Pos()), s.set.Position(c.End())
			start := bytes.LastIndexByte(s.text[:from.Offset], '\n') + 1
			if from.Line > first && to.Line < last && len(bytes.TrimSpace(s.text[start:from.Offset])) == 0 {
				n -= to.Line - from.Line + 1
			}
		}
	}
	return n
}

func TestEverythingExportedIsDocumented(t *testing.T) {
	documented := make(map[string]bool) // folders with a package comment
	for _, s := range sources(t) {
		dir := filepath.ToSlash(filepath.Dir(s.path))
		documented[dir] = documented[dir] || s.file.Doc != nil || s.isTest() && onlyTests(t, dir)
		if s.isTest() {
			continue
		}
		for _, missing := range s.undocumented() {
			t.Error(missing)
		}
		if dir == "." {
			for _, missing := range s.withoutErrors() {
				t.Error(missing)
			}
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no file has a package comment", dir)
		}
	}
}

func onlyTests(t *testing.T, dir string) bool {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return !slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go")
	})
}

// selfEvident are methods whose interface says what they do.
var selfEvident = []string{"Error", "Is", "MarshalText", "String", "Unwrap"}

// undocumented lists what a file exports without a comment.
func (s *source) undocumented() (missing []string) {
	report := func(id *ast.Ident, docs ...*ast.CommentGroup) {
		if id.IsExported() && !slices.ContainsFunc(docs, func(c *ast.CommentGroup) bool { return c != nil }) {
			missing = append(missing, fmt.Sprintf("%s: exported %s has no comment", s.at(id), id.Name))
		}
	}
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if exportedReceiver(d) && (d.Recv == nil || !slices.Contains(selfEvident, d.Name.Name)) {
				report(d.Name, d.Doc)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					report(spec.Name, spec.Doc, d.Doc)
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						report(name, spec.Doc, spec.Comment, d.Doc)
					}
				}
			}
		}
	}
	return missing
}

// exportedReceiver says whether f is no method, or one of an exported type.
func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	typ := f.Recv.List[0].Type
	for {
		switch t := typ.(type) {
		case *ast.StarExpr:
			typ = t.X
		case *ast.IndexExpr:
			typ = t.X
		case *ast.IndexListExpr:
			typ = t.X
		default:
			id, ok := typ.(*ast.Ident)
			return ok && id.IsExported()
		}
	}
}

// withoutErrors lists the exported functions that return an error, but do not say
// which under a heading of its own.
func (s *source) withoutErrors() (missing []string) {
	for _, d := range s.file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !f.Name.IsExported() || !exportedReceiver(f) || slices.Contains(selfEvident, f.Name.Name) || !returnsError(f) {
			continue
		}
		if !slices.Contains(strings.Split(f.Doc.Text(), "\n"), "# Errors") {
			missing = append(missing, fmt.Sprintf(`%s: %s returns an error, and its comment has no "# Errors"`, s.at(f), f.Name.Name))
		}
	}
	return missing
}

func returnsError(f *ast.FuncDecl) bool {
	if f.Type.Results == nil {
		return false
	}
	last, ok := f.Type.Results.List[len(f.Type.Results.List)-1].Type.(*ast.Ident)
	return ok && last.Name == "error"
}

// The test of the tests: what breaks a budget is seen.
func TestBudgetsAreSeen(t *testing.T) {
	const head = "// Package x is planted.\npackage x\n\n"
	long := "// F is long.\nfunc F() {\n" + strings.Repeat("\tF()\n", maxFunctionLines+1) + "}\n"
	for _, c := range []struct{ source, want string }{
		{head + "// F is fine.\nfunc F() {\n" + strings.Repeat("\tF() // really\n", maxFunctionLines) + "\t// a word\n\n}\n", "F has 71 lines"},
		{head + "// F is fine.\nfunc F() {\n" + strings.Repeat("\tF()\n", maxFunctionLines) + strings.Repeat("\t// a word\n\t/* a\n\tsecond */\n", 9) + "}\n", ""},
		{head + long, "F has 71 lines"},
		{head + strings.Repeat("\n", maxFileLines), "more than 800"},
		{head + "func F() {}\n", "F has no comment"},
		{head + "func f() {}\ntype t struct{}\nfunc (t) F() {}\n", ""},
		{head + "type T[E any] struct{}\n", "T has no comment"},
		{head + "// T is.\ntype T[E any] struct{}\nfunc (t *T[E]) F() {}\n", "F has no comment"},
		{head + "// T is.\ntype T struct{}\nfunc (T) Error() string { return \"\" }\n", ""},
		{head + "const (\n\tA = 1\n)\n", "A has no comment"},
		{head + "// The letters.\nconst (\n\tA = 1\n)\n", ""},
		{head + "var A int // a letter\n", ""},
		{head + "// F fails.\nfunc F() error { return nil }\n", "Errors"},
		{head + "// F fails.\n//\n// # Errors\n//\n// Never.\nfunc F() (n int, err error) { return 0, nil }\n", ""},
	} {
		s := parse(t, "x.go", []byte(c.source))
		got := slices.Concat(s.overBudget(), s.undocumented(), s.withoutErrors())
		if c.want == "" && len(got) != 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
			t.Errorf("%.80q…: got %q, want %q", c.source, got, c.want)
		}
	}
}
