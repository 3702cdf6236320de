//go:build linux

package transfer

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

var examples = []Inherited{
	{"a", &Handle{Type: layout.Section, Access: 6, Object: File{3, lockfile.Identity{Dev: 28, Ino: 77}}, Second: None}},
	{"ü; =%", &Handle{
		Type: layout.Event, Access: access.Wait, Object: File{4, lockfile.Identity{Dev: 1<<64 - 1, Ino: 1}}, Second: None,
		Folder: Folder{"/dev/shm/atoll 0;%\n", lockfile.Identity{Dev: 28, Ino: 2}},
	}},
	{"b", &Handle{Type: layout.Mutex, Access: 1<<32 - 1, Object: File{0, lockfile.Identity{}}, Second: File{1<<31 - 1, lockfile.Identity{Dev: 1, Ino: 3}}}},
}

func TestVariable(t *testing.T) {
	text, err := EncodeVariable(examples)
	if err != nil {
		t.Fatal(err)
	}
	const want = "1;a section 0x6 3:28:77 - -" +
		";%C3%BC%3B%20%3D%25 event 0x100000 4:18446744073709551615:1 - 28:2:/dev/shm/atoll%200%3B%25%0A" +
		";b mutex 0xffffffff 0:0:0 2147483647:1:3 -"
	if text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	list, err := ParseVariable(text)
	if err != nil || !reflect.DeepEqual(list, examples) {
		t.Errorf("got %v, %v", list, err)
	}
	list, err = ParseVariable("1")
	if err != nil || len(list) != 0 {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestVariableRefusesWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		text string
		want error
		says string
	}{
		{"", errs.ErrVersion, `version ""`},
		{"2;a section 0x6 3:28:77 - -", errs.ErrVersion, `version "2"`},
		{"1;", errs.ErrCorrupt, "key"},
		{"1;a", errs.ErrCorrupt, "1 fields"},
		{"1;a section 0x6 3:28:77 - - -", errs.ErrCorrupt, "6 fields"},
		{"1;a section 0x6 3:28:77 - -;a section 0x6 3:28:77 - -", errs.ErrCorrupt, "comes twice"},
		{"1; section 0x6 3:28:77 - -", errs.ErrCorrupt, "key"},
		{"1;%FF section 0x6 3:28:77 - -", errs.ErrCorrupt, "key"},
		{"1;%4 section 0x6 3:28:77 - -", errs.ErrCorrupt, "inside an escape"},
		{"1;%zz section 0x6 3:28:77 - -", errs.ErrCorrupt, "no escape"},
		{"1;%61 section 0x6 3:28:77 - -", errs.ErrCorrupt, "not how it is written"},
		{"1;a=b section 0x6 3:28:77 - -", errs.ErrCorrupt, "not how it is written"},
		{"1;a sector 0x6 3:28:77 - -", errs.ErrCorrupt, `"sector"`},
		{"1;a unknown 0x6 3:28:77 - -", errs.ErrCorrupt, `"unknown"`},
		{"1;a section 0x100000000 3:28:77 - -", errs.ErrCorrupt, "0x100000000"},
		{"1;a section 0x6 - - -", errs.ErrCorrupt, "no object"},
		{"1;a section 0x6 -1:28:77 - -", errs.ErrCorrupt, `"-1"`},
		{"1;a section 0x6 3:28 - -", errs.ErrCorrupt, "number"},
		{"1;a section 0x6 2147483648:28:77 - -", errs.ErrCorrupt, "number"},
		{"1;a section 0x6 3:28:77 x -", errs.ErrCorrupt, "number"},
		{"1;a section 0x6 3:28:77 - 1:2", errs.ErrCorrupt, "no folder"},
		{"1;a section 0x6 3:28:77 - 1:2:", errs.ErrCorrupt, "0 bytes"},
		{"1;a section 0x6 3:28:77 - 1:2:" + strings.Repeat("x", layout.MaxPath+1), errs.ErrCorrupt, "4097 bytes"},
	} {
		list, err := ParseVariable(c.text)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || list != nil {
			t.Errorf("%q: %v, %v, want %v that says %q", c.text, list, err, c.want, c.says)
		}
	}
}

func TestVariableHasAnEnd(t *testing.T) {
	var list []Inherited
	for range 3000 {
		list = append(list, Inherited{strings.Repeat("k", 100), examples[0].Handle})
	}
	if _, err := EncodeVariable(list); errs.Number(err) != errs.NotEnoughMemory {
		t.Errorf("got %v", err)
	}
	if _, err := EncodeVariable([]Inherited{{"", examples[0].Handle}}); errs.Number(err) != errs.InvalidParameter {
		t.Errorf("got %v", err)
	}
}

// Whatever is in the variable, it is refused or means one thing only.
func FuzzParseVariable(f *testing.F) {
	text, err := EncodeVariable(examples)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{text, "1", "1;a section 0x6 3:28:77 - -", "2;", "1;%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParseVariable(text)
		if err != nil {
			if !errors.Is(err, errs.ErrCorrupt) && !errors.Is(err, errs.ErrVersion) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		again, err := EncodeVariable(list)
		if err != nil {
			return // too long
		}
		second, err := ParseVariable(again)
		if err != nil || !reflect.DeepEqual(list, second) {
			t.Errorf("%q is %v, which is written as %q, which is %v, %v", text, list, again, second, err)
		}
	})
}

// A message is its header and as many bytes as that says.
func FuzzParseMessage(f *testing.F) {
	for _, h := range examples {
		f.Add(encodeMessage(h.Handle), 1)
	}
	f.Add([]byte("ATOLLHND"), 0)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		r := reader{descriptors: make([]int, min(max(n, 0), 5))}
		h, err := r.parse(b)
		switch {
		case err != nil && !errors.Is(err, errs.ErrCorrupt) && !errors.Is(err, errs.ErrVersion):
			t.Errorf("%q: %v", b, err)
		case err == nil && (len(r.descriptors) == 0 || len(r.descriptors) > 2):
			t.Errorf("%q: %v with %d descriptors", b, h, len(r.descriptors))
		}
	})
}
