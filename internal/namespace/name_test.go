package namespace

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"pgregory.net/rapid"

	"atoll/internal/errs"
)

func TestParse(t *testing.T) {
	long := strings.Repeat("n", MaxUnits)
	for _, c := range []struct {
		in     string
		want   Name
		number uint32
		is     error
	}{
		{"x", Name{Local, "x"}, 0, nil},
		{`Local\x`, Name{Local, "x"}, 0, nil},
		{`Global\x`, Name{Global, "x"}, 0, nil},
		{"a/b:c*?<>|\" é", Name{Local, "a/b:c*?<>|\" é"}, 0, nil},
		{`Local\a/b`, Name{Local, "a/b"}, 0, nil},
		{".", Name{Local, "."}, 0, nil},
		{"..", Name{Local, ".."}, 0, nil},
		{"../x", Name{Local, "../x"}, 0, nil},
		{" ", Name{Local, " "}, 0, nil},
		{"\t\r\n\x01\x7f", Name{Local, "\t\r\n\x01\x7f"}, 0, nil},
		{"members", Name{Local, "members"}, 0, nil},
		{"local", Name{Local, "local"}, 0, nil},
		{"GLOBAL", Name{Local, "GLOBAL"}, 0, nil},
		{"Session", Name{Local, "Session"}, 0, nil},
		{"\u00e9", Name{Local, "\u00e9"}, 0, nil},
		{"e\u0301", Name{Local, "e\u0301"}, 0, nil}, // decomposed: another name
		{"\uFFFD", Name{Local, "\uFFFD"}, 0, nil},
		{"", Name{}, errs.InvalidHandle, errs.ErrWrongType},
		{"Local", Name{}, errs.InvalidHandle, errs.ErrWrongType},
		{"Global", Name{}, errs.InvalidHandle, errs.ErrWrongType},
		{`Local\Global`, Name{}, errs.InvalidHandle, errs.ErrWrongType},
		{`Local\Local`, Name{}, errs.InvalidHandle, errs.ErrWrongType},
		{`Global\Local`, Name{}, errs.InvalidHandle, errs.ErrWrongType},
		{`\x`, Name{}, errs.BadPathname, errs.ErrBadName},
		{`\`, Name{}, errs.BadPathname, errs.ErrBadName},
		{`\\x`, Name{}, errs.BadPathname, errs.ErrBadName},
		{`\Local\x`, Name{}, errs.BadPathname, errs.ErrBadName},
		{`a\b`, Name{}, errs.PathNotFound, fs.ErrNotExist},
		{`a\`, Name{}, errs.PathNotFound, fs.ErrNotExist},
		{`a\\b`, Name{}, errs.PathNotFound, fs.ErrNotExist},
		{`global\x`, Name{}, errs.PathNotFound, fs.ErrNotExist},
		{`LOCAL\x`, Name{}, errs.PathNotFound, fs.ErrNotExist},
		{`Local\a\b`, Name{}, errs.PathNotFound, fs.ErrNotExist},
		{`Local\Local\x`, Name{}, errs.PathNotFound, fs.ErrNotExist},
		{`Global\a\b`, Name{}, errs.PathNotFound, fs.ErrNotExist},
		{`Local\`, Name{}, errs.InvalidName, errs.ErrBadName},
		{`Global\`, Name{}, errs.InvalidName, errs.ErrBadName},
		{`Local\\x`, Name{}, errs.InvalidName, errs.ErrBadName},
		{`Session\1\x`, Name{}, errs.AccessDenied, fs.ErrPermission},
		{"a\x00b", Name{}, errs.InvalidName, errs.ErrBadName},
		{"a\xFFb", Name{}, errs.InvalidName, errs.ErrBadName},
		{"\xED\xA0\x80", Name{}, errs.InvalidName, errs.ErrBadName}, // half a surrogate pair
		{long, Name{Local, long}, 0, nil},
		{long + "n", Name{}, errs.InvalidName, errs.ErrBadName},
		{`Local\` + long[6:], Name{Local, long[6:]}, 0, nil},
		{`Local\` + long[5:], Name{}, errs.InvalidName, errs.ErrBadName},
		{strings.Repeat("日", MaxUnits), Name{Local, strings.Repeat("日", MaxUnits)}, 0, nil},
		{strings.Repeat("日", MaxUnits+1), Name{}, errs.InvalidName, errs.ErrBadName},
		{strings.Repeat("\U0001F41A", MaxUnits/2), Name{Local, strings.Repeat("\U0001F41A", MaxUnits/2)}, 0, nil},
		{strings.Repeat("\U0001F41A", MaxUnits/2) + "x", Name{}, errs.InvalidName, errs.ErrBadName},
	} {
		got, err := Parse(c.in)
		if got != c.want || errs.Number(err) != c.number || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("Parse(%.40q) = %.40q, %v (%d), want %.40q, %v (%d)", c.in, got, err, errs.Number(err), c.want, c.is, c.number)
		}
	}
}

func TestNameString(t *testing.T) {
	for _, text := range []string{"x", `Global\x`, "Session", "a/b"} {
		if n, err := Parse(text); err != nil || n.String() != text {
			t.Errorf("%q became %q, %v", text, n, err)
		}
	}
	if n, err := Parse(`Local\x`); err != nil || n.String() != "x" {
		t.Errorf("got %q, %v", n, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "x", `Local\x`, `Global\x`, `\`, `a\b`, "\xFF", "a\x00", `Session\1\x`, "日本", "\U0001F41A", "Local"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse(text)
		if err != nil {
			if n != (Name{}) || errs.Number(err) == errs.GenFailure {
				t.Fatalf("%q: %v, %v", text, n, err)
			}
			return
		}
		if n.Base == "" || strings.Contains(n.Base, `\`) || !utf8.ValidString(n.Base) || len(utf16.Encode([]rune(text))) > MaxUnits {
			t.Fatalf("%q is %q", text, n.Base)
		}
		if again, err := Parse(n.String()); err != nil || again != n {
			t.Fatalf("%q is %v, but its text is %v, %v", text, n, again, err)
		}
		checkFileName(t, n)
	})
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkFileName checks what every file name must be.
func checkFileName(t fataler, n Name) string {
	t.Helper()
	file := n.FileName()
	switch {
	case file == "" || file == "." || file == ".." || file == MembersName:
		t.Fatalf("%q has the file %q", n.Base, file)
	case len(file) > maxFileName:
		t.Fatalf("%.40q has a file name of %d bytes", n.Base, len(file))
	case strings.ContainsAny(file, "/\x00\n \\'\"*?[]$`!#&;|<>(){}") || file[0] == '.' || file[0] == '-':
		t.Fatalf("%q has the file %q, which a shell or a file system minds", n.Base, file)
	case !utf8.ValidString(file):
		t.Fatalf("%q has the file %q, not UTF-8", n.Base, file)
	}
	if !strings.Contains(file, "~") && unescape(file) != n.Base {
		t.Fatalf("%q has the file %q, which reads %q", n.Base, file, unescape(file))
	}
	return file
}

// names draws a name: ordinary, or made of what the escaping minds.
func names() *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{"%", "~", "/", ".", "..", "-", "%6D", "members", "embers", "%25", "a", " ", "日", "\U0001F41A", "é", "\uFFFD", "\x01"}),
		rapid.StringN(1, 4, -1),
	)
	return rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(piece, 1, 6).Draw(t, "parts")
		times := rapid.SampledFrom([]int{1, 1, 1, 20, 64, 100}).Draw(t, "times")
		return strings.Repeat(strings.Join(parts, ""), times)
	})
}

// Two names have two files. The pairs are near each other: one differs from the
// other by an edit, or looks like its escaped form.
func TestFileNameIsInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Name{Base: names().Draw(t, "a")}
		fileA := checkFileName(t, a)
		var other string
		switch rapid.IntRange(0, 4).Draw(t, "how") {
		case 0:
			other = names().Draw(t, "b")
		case 1:
			other = fileA
		case 2:
			other = unescape(a.Base)
		case 3:
			other = a.Base + names().Draw(t, "more")
		case 4:
			i := rapid.IntRange(0, len(a.Base)-1).Draw(t, "at")
			other = a.Base[:i] + string(rune('a'+i%26)) + a.Base[i+1:]
		}
		b := Name{Base: other}
		if !utf8.ValidString(other) || other == "" {
			return
		}
		fileB := checkFileName(t, b)
		if (a.Base == b.Base) != (fileA == fileB) {
			t.Fatalf("%q has the file %q, %q has %q", a.Base, fileA, b.Base, fileB)
		}
	})
}

func TestFileName(t *testing.T) {
	for base, want := range map[string]string{
		"x":       "x",
		"members": "%6Dembers",
		"Members": "Members",
		".":       "%2E",
		"..":      "%2E.",
		".hidden": "%2Ehidden",
		"-rf":     "%2Drf",
		"a-b.c":   "a-b.c",
		"a/b":     "a%2Fb",
		"100%":    "100%25",
		"~":       "%7E",
		"日本":      "日本",
		"a\nb":    "a%0Ab",
	} {
		if got := (Name{Base: base}).FileName(); got != want {
			t.Errorf("%q has the file %q, want %q", base, got, want)
		}
	}
	// At the border the whole name still fits; behind it, it is cut, never inside
	// an escape or a rune, and ends in a hash.
	if got := (Name{Base: strings.Repeat("x", 255)}).FileName(); got != strings.Repeat("x", 255) {
		t.Errorf("255 bytes: %q", got)
	}
	for _, base := range []string{
		strings.Repeat("x", 256), strings.Repeat("/", 86), strings.Repeat("日", 86), "x" + strings.Repeat("/", 100),
		"xx" + strings.Repeat("日", 100), "x" + strings.Repeat("\U0001F41A", 100), strings.Repeat("日", MaxUnits),
	} {
		file := checkFileName(t, Name{Base: base})
		prefix, hash, ok := strings.Cut(file, "~")
		if !ok || len(hash) != 64 || len(file) < 250 || !strings.HasPrefix(base, unescape(prefix)) {
			t.Errorf("%.20q has the file %q", base, file)
		}
	}
}

func FuzzFileName(f *testing.F) {
	f.Add("x", "y")
	f.Add("members", "%6Dembers")
	f.Add(strings.Repeat("日", 86), strings.Repeat("日", 87))
	f.Fuzz(func(t *testing.T, a, b string) {
		if a == "" || b == "" || !utf8.ValidString(a) || !utf8.ValidString(b) {
			return
		}
		fileA, fileB := checkFileName(t, Name{Base: a}), checkFileName(t, Name{Base: b})
		if (a == b) != (fileA == fileB) {
			t.Fatalf("%q has the file %q, %q has %q", a, fileA, b, fileB)
		}
	})
}
