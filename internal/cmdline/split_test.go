package cmdline

import (
	"slices"
	"strings"
	"testing"
)

// The examples of Microsoft's page, and others.
func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		``:                             {""},
		`p`:                            {"p"},
		`  p`:                          {"", "p"},
		`p "abc" d e`:                  {"p", "abc", "d", "e"},
		`p a\\b d"e f"g h`:             {"p", `a\\b`, "de fg", "h"},
		`p a\\\"b c d`:                 {"p", `a\"b`, "c", "d"},
		`p a\\\\"b c" d e`:             {"p", `a\\b c`, "d", "e"},
		`p a"b"" c d`:                  {"p", `ab" c d`},
		`p "a b c""`:                   {"p", `a b c"`},
		`p """a b c"""  d`:             {"p", `"a b c"`, "d"},
		`p """CallMeIshmael"""  b  c `: {"p", `"CallMeIshmael"`, "b", "c"},
		`p "" x`:                       {"p", "", "x"},
		`p \`:                          {"p", `\`},
		`p "\\`:                        {"p", `\\`},
		"p\ta\tb":                      {"p", "a", "b"},
		`"/a b/c" d`:                   {"/a b/c", "d"},
		`"a\"b c`:                      {`a\b`, "c"},
		`/a" b"c d`:                    {"/a bc", "d"},
		"p a\x00b":                     {"p", "a"},
		"p a\nb":                       {"p", "a\nb"},
	} {
		if got := Split(line); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// quote is the inverse of Split for one argument.
func quote(arg string) string {
	if arg != "" && !strings.ContainsAny(arg, "\" \t\\") {
		return arg
	}
	var b strings.Builder
	b.WriteByte('"')
	backslashes := 0
	for i := range len(arg) {
		switch arg[i] {
		case '\\':
			backslashes++
		case '"':
			b.WriteString(strings.Repeat(`\`, backslashes+1))
			backslashes = 0
		default:
			backslashes = 0
		}
		b.WriteByte(arg[i])
	}
	b.WriteString(strings.Repeat(`\`, backslashes))
	b.WriteByte('"')
	return b.String()
}

// What was quoted is read as it was; and any text is a command line.
func FuzzSplit(f *testing.F) {
	for _, seed := range [][2]string{{"a b", `c"d`}, {`\\`, ""}, {`a\"`, "\t"}, {`""`, `"\\" \`}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		first, _, _ = strings.Cut(first, "\x00")
		second, _, _ = strings.Cut(second, "\x00")
		want := []string{"program", first, second}
		line := "program " + quote(first) + "  " + quote(second)
		if got := Split(line); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
		if got := Split(first + second); len(got) == 0 || len(strings.Join(got, "")) > len(first+second) {
			t.Errorf("%q: %q", first+second, got)
		}
	})
}
