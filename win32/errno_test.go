//go:build !windows

package win32

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strconv"
	"strings"
	"testing"
)

// constants reads those constants of a file that have a number, and a name or a type
// that is wanted.
func constants(t *testing.T, path string, wanted func(name, typ string) bool) map[string]Errno {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]Errno)
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		typ, _ := spec.Type.(*ast.Ident)
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok || !wanted(spec.Names[0].Name, typ.String()) {
			return true
		}
		number, err := strconv.ParseUint(literal.Value, 0, 32)
		if err != nil {
			t.Fatal(spec.Names[0].Name, err)
		}
		found[spec.Names[0].Name] = Errno(number)
		return true
	})
	return found
}

// Every number that has a name has a text of its own, and every number that the
// packages below can give has a name.
func TestErrnoTexts(t *testing.T) {
	named := constants(t, "const.go", func(_, typ string) bool { return typ == "Errno" })
	if len(named) < 40 {
		t.Fatalf("only %d numbers found", len(named))
	}
	texts := map[string]Errno{}
	numbers := map[Errno]bool{Errno(WAIT_TIMEOUT): true}
	for name, e := range named {
		text := e.Error()
		switch other, twice := texts[text]; {
		case errnoTexts[e] == "":
			t.Errorf("%s has no text", name)
		case twice:
			t.Errorf("%s and %d have the same text", name, other)
		case len(text) > 80 || strings.ToLower(text[:1]) != text[:1] || strings.HasSuffix(text, "."):
			t.Errorf("%s: %q is no short text of an error", name, text)
		}
		texts[text], numbers[e] = e, true
	}
	for e := range errnoTexts {
		if !numbers[e] {
			t.Errorf("%d has a text, but no name", e)
		}
	}
	below := constants(t, "../internal/errs/errs.go", func(_, typ string) bool { return typ == "<nil>" })
	if len(below) < 30 {
		t.Fatalf("only %d numbers found", len(below))
	}
	for name, e := range below {
		if !numbers[e] {
			t.Errorf("internal/errs gives %s, %d, which has no name here", name, e)
		}
	}
}

func TestErrno(t *testing.T) {
	if text := Errno(4711).Error(); text != "winapi error #4711" {
		t.Error(text)
	}
	for e, want := range map[Errno]error{
		ERROR_ACCESS_DENIED: fs.ErrPermission, ERROR_ALREADY_EXISTS: fs.ErrExist, ERROR_FILE_EXISTS: fs.ErrExist,
		ERROR_FILE_NOT_FOUND: fs.ErrNotExist, ERROR_PATH_NOT_FOUND: fs.ErrNotExist, ERROR_NOT_SUPPORTED: errors.ErrUnsupported,
	} {
		for _, known := range []error{fs.ErrPermission, fs.ErrExist, fs.ErrNotExist, errors.ErrUnsupported, fs.ErrClosed} {
			if got := errors.Is(e, known); got != (known == want) {
				t.Errorf("%d is %v: %t", e, known, got)
			}
		}
	}
	for e, want := range map[Errno][2]bool{Errno(WAIT_TIMEOUT): {true, true}, ERROR_TOO_MANY_OPEN_FILES: {false, true}, ERROR_ACCESS_DENIED: {}} {
		if got := [2]bool{e.Timeout(), e.Temporary()}; got != want {
			t.Errorf("%d: %v, want %v", e, got, want)
		}
	}
}
