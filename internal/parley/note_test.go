package parley

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// What was encoded is parsed as it was; any other bytes are refused, or mean what they
// would have been encoded as.
func FuzzParse(f *testing.F) {
	whole := &Note{Op: Give, Error: 5, Handle: 1<<63 | 4, Kind: 3, Access: 0x1F0003, Flags: 1, Options: 2, Text: "text", Descriptors: []int{7, 8}}
	b, err := whole.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, 2)
	f.Add(b, 0)
	f.Add(b[:headerSize-1], 2)
	f.Add(append(slices.Clone(b), 'x'), 2)
	f.Fuzz(func(t *testing.T, b []byte, descriptors int) {
		n, err := parse(b, descriptors)
		if err != nil {
			return
		}
		if descriptors < 0 || descriptors > maxDescriptors {
			return // Receive has refused them
		}
		n.Descriptors = make([]int, descriptors)
		again, err := n.encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%q, %v\n%q", again, err, b)
		}
	})
}

func TestParse(t *testing.T) {
	sent := &Note{Op: Answer, Error: 5, Handle: 1<<63 | 4, Kind: 3, Access: 0x1F0003, Flags: 1, Options: 2, Text: "text", Descriptors: []int{7}}
	b, err := sent.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := parse(b, 1)
	if err != nil || got.Op != sent.Op || got.Error != 5 || got.Handle != sent.Handle || got.Kind != 3 || got.Access != sent.Access || got.Flags != 1 || got.Options != 2 || got.Text != "text" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := got.Failed(); err == nil || !strings.Contains(err.Error(), "text") {
		t.Errorf("failed: %v", err)
	}
	for name, bad := range map[string]*Note{
		"a long text":      {Op: Give, Text: strings.Repeat("x", MaxText+1)},
		"many descriptors": {Op: Give, Descriptors: make([]int, maxDescriptors+1)},
	} {
		if _, err := bad.encode(); err == nil {
			t.Errorf("%s is encoded", name)
		}
	}
	for name, change := range map[string]func(){
		"another program": func() { b[0]++ },
		"another version": func() { b[4]++ },
		"no kind":         func() { b[8] = 0 },
		"an unknown kind": func() { b[8] = byte(last) },
		"a longer text":   func() { b[40]++ },
		"a descriptor":    func() { b[44]++ },
	} {
		good := slices.Clone(b)
		change()
		if n, err := parse(b, 1); err == nil {
			t.Errorf("%s: %+v", name, n)
		}
		b = good
	}
}
