package conformance

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every number of the checklist is one line of the suite. That docs/CONFORMANCE.md has
// them all is a test of the root.
func TestNumbers(t *testing.T) {
	text, err := os.ReadFile("../testdata/c-numbers.txt")
	if err != nil {
		t.Fatal(err)
	}
	numbers, lines := strings.Fields(string(text)), numbersOfLines(t)
	for _, number := range numbers {
		if !slices.Contains(lines, number) {
			t.Errorf("no line has the number %s", number)
		}
	}
	for i, line := range lines {
		if i > 0 && lines[i-1] == line {
			t.Errorf("two lines have the number %s", line)
		}
		if !slices.Contains(numbers, line) {
			t.Errorf("%s is not in testdata/c-numbers.txt", line)
		}
	}
}

// numbersOfLines reads from the sources which lines there are.
func numbersOfLines(t *testing.T) (numbers []string) {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	number := regexp.MustCompile(`^C\d{3}$`)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if pair, is := n.(*ast.KeyValueExpr); is {
				key, _ := pair.Key.(*ast.Ident)
				value, _ := pair.Value.(*ast.BasicLit)
				if key != nil && value != nil && key.Name == "id" {
					if id, _ := strconv.Unquote(value.Value); number.MatchString(id) {
						numbers = append(numbers, id)
					}
				}
			}
			return true
		})
	}
	slices.Sort(numbers)
	return numbers
}
