package layout

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the test vectors anew")

// A vector is the beginning of a file, up to the end of the name and path, in
// testdata/NAME.hex, and what it says, in testdata/NAME.json. docs/FORMAT.md
// shows them; programs in other languages test themselves with them.
//
// A .hex file has lines of an offset and up to 16 bytes, both in hexadecimal;
// bytes without a line are zero; the last line is the length.
type vector struct {
	File   string      `json:"file"` // "object", "member" or "job", a job's region
	Header *Header     `json:"header,omitempty"`
	State  *State      `json:"state,omitempty"`
	Member *MemberInfo `json:"member,omitempty"`
	Job    *JobRecord  `json:"job,omitempty"`
}

func vectors() map[string]vector {
	list := make(map[string]vector)
	for name, h := range soundHeaders() {
		if name == "longest-name" {
			continue
		}
		state := State(0)
		switch h.Type {
		case Mutex:
			state = MakeState(0x2A, 0) // owned by member 0x2A
		case Event:
			state = MakeState(NewEvent(true), Many)
		}
		list[name] = vector{File: "object", Header: &h, State: &state}
	}
	list["member"] = vector{File: "member", Member: &MemberInfo{PID: 4711, Started: 1763000000123456789, Command: "indexer"}}
	r := JobRecord{
		Sequence: 5, Mode: JobGroup, Terminated: 1, Code: -1, GroupID: 4321, Total: 9, Killed: 2, Group: "/user.slice/atoll-job-0123456789abcdef",
		Limits: JobLimits{Processes: 20, Flags: JobNice | JobNoCore, Memory: 1 << 30, ProcessMemory: 1 << 20, Time: 1e9, ProcessTime: 2e9, Rate: 5000, Nice: -3},
	}
	r.Limits.Processors[0] = 0b1011
	list["job-region"] = vector{File: "job", Job: &r}
	return list
}

func (v vector) encode() []byte {
	if v.Member != nil {
		b := EncodeMember(*v.Member)
		copy(b[MemberNumber:], EncodeMemberNumber(0x2A))
		return b
	}
	if v.Job != nil {
		b := make([]byte, JobSize)
		copy(b[v.Job.Place():], v.Job.Encode())
		return b
	}
	b := v.Header.Encode()
	PutState(b, *v.State)
	return b
}

func TestVectors(t *testing.T) {
	for name, v := range vectors() {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name)
			if *update {
				writeVector(t, path, v)
			}
			want := fromHex(t, path+".hex")
			if got := v.encode(); string(got) != string(want) {
				t.Errorf("encodes to\n%s\nwant\n%s", toHex(got), toHex(want))
			}
			var read vector
			fromJSON(t, path+".json", &read)
			read.check(t, want)
		})
	}
}

// check parses the bytes and compares with what the .json file says.
func (v vector) check(t *testing.T, b []byte) {
	t.Helper()
	switch v.File {
	case "object":
		h, err := ParseHeader(b)
		if err != nil || h != *v.Header {
			t.Errorf("parsed as %+v, %v, want %+v", h, err, *v.Header)
		}
		if s, ok := GetState(b); !ok || s != *v.State {
			t.Errorf("state %#x, want %#x", uint64(s), uint64(*v.State))
		}
	case "member":
		m, err := ParseMember(b)
		if err != nil || m != *v.Member {
			t.Errorf("parsed as %+v, %v, want %+v", m, err, *v.Member)
		}
	case "job":
		r, ok := ParseJob(b)
		if !ok || r != *v.Job {
			t.Errorf("parsed as %+v, %v, want %+v", r, ok, *v.Job)
		}
	default:
		t.Errorf("what is a %q?", v.File)
	}
}

// Every file in testdata is a vector that is checked.
func TestNoVectorIsForgotten(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	all := vectors()
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		if _, ok := all[name]; !ok {
			t.Errorf("%s belongs to no vector", file)
		}
	}
	if len(files) != 2*len(all) {
		t.Errorf("%d files for %d vectors", len(files), len(all))
	}
}

func writeVector(t *testing.T, path string, v vector) {
	t.Helper()
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for file, data := range map[string]string{path + ".hex": toHex(v.encode()), path + ".json": string(text) + "\n"} {
		if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func fromJSON(t *testing.T, path string, v any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatal(err)
	}
}

func toHex(b []byte) string {
	var text strings.Builder
	for i := 0; i < len(b); i += 16 {
		line := b[i:min(i+16, len(b))]
		if strings.Trim(string(line), "\x00") != "" {
			fmt.Fprintf(&text, "%04x  % x\n", i, line)
		}
	}
	fmt.Fprintf(&text, "%04x\n", len(b))
	return text.String()
}

func fromHex(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var b []byte
	for in := bufio.NewScanner(f); in.Scan(); {
		var offset int
		at, data, _ := strings.Cut(in.Text(), "  ")
		if _, err := fmt.Sscanf(at, "%x", &offset); err != nil {
			t.Fatal(err)
		}
		line, err := hex.DecodeString(strings.ReplaceAll(data, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		b = append(append(b, make([]byte, offset-len(b))...), line...)
	}
	return b
}
