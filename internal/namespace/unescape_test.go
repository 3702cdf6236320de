package namespace

import "testing"

func TestUnescapeUndoesFileName(t *testing.T) {
	for _, name := range []string{"a", "a b/c", "%", "%41", "members", ".hidden", "Größe", "x%", "~"} {
		if got := unescape(Name{Base: name}.FileName()); got != name {
			t.Errorf("%q came back as %q", name, got)
		}
	}
	for file, want := range map[string]string{"%": "%", "%4": "%4", "%zz": "%zz", "%%41": "%A", "": ""} {
		if got := unescape(file); got != want {
			t.Errorf("unescape(%q) = %q, want %q", file, got, want)
		}
	}
}
