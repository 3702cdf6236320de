//go:build linux

package atoll

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestLines checks that each line of the list of Windows' behaviours about names,
// sections, views, handles, synchronisation, waits, jobs and security (its numbers are in
// testdata/c-numbers.txt) is either tested or has a reason why not, and that the
// tests exist.
func TestLines(t *testing.T) {
	text, err := os.ReadFile("testdata/c-numbers.txt")
	must(t, err)
	tests := make(map[string]map[string]map[string]bool) // folder, function, subtest
	unknown := make(map[string]bool)
	lines := make(map[string]string)
	for _, table := range []map[string]string{nameLines, sectionLines, handleLines, waitLines, jobLines, securityLines} {
		for number, what := range table {
			if lines[number] != "" {
				t.Errorf("%s is in two tables", number)
			}
			lines[number], unknown[number] = what, true
		}
	}
	tested := 0
	for number := range strings.FieldsSeq(string(text)) {
		delete(unknown, number)
		what := lines[number]
		switch {
		case what == "":
			t.Errorf("%s is missing", number)
		case strings.HasPrefix(what, "Test") || strings.HasPrefix(what, "internal/"):
			tested++
			if !strings.HasSuffix(what, "/"+number) {
				t.Errorf("%s: %s has not its number", number, what)
			}
		case !strings.HasPrefix(what, "win32: ") && !strings.HasPrefix(what, "not applicable: "):
			t.Errorf("%s: %q is neither a test nor a reason", number, what)
		}
		for _, m := range regexp.MustCompile(`(?:(internal/\w+)\.)?\b(Test[A-Z]\w*)(?:/(C\d{3}))?`).FindAllStringSubmatch(what, -1) {
			folder, function, subtest := filepath.Join(".", m[1]), m[2], m[3]
			if tests[folder] == nil {
				tests[folder] = testsInSource(t, folder)
			}
			switch literals, ok := tests[folder][function]; {
			case !ok:
				t.Errorf("%s: there is no %s", number, function)
			case subtest != "" && !literals[subtest]:
				t.Errorf("%s: %s has no subtest %s", number, function, subtest)
			}
		}
	}
	for number := range unknown {
		t.Errorf("%s is not in the list", number)
	}
	t.Logf("%d of %d lines are tested by number", tested, len(lines))
}

// testsInSource returns, for each test function of a folder, the numbers of lines
// with which the string literals in it begin: names of subtests.
func testsInSource(t *testing.T, folder string) map[string]map[string]bool {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	must(t, err)
	tests := make(map[string]map[string]bool)
	for _, source := range sources {
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
		must(t, err)
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				tests[f.Name.Name] = numbersIn(f)
			}
		}
	}
	return tests
}

func numbersIn(f *ast.FuncDecl) map[string]bool {
	numbers := make(map[string]bool)
	ast.Inspect(f, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		text, _ := strconv.Unquote(lit.Value)
		for word := range strings.FieldsSeq(text) {
			if !regexp.MustCompile(`^C\d{3}$`).MatchString(word) {
				break
			}
			numbers[word] = true
		}
		return true
	})
	return numbers
}
