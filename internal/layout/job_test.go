package layout

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func someRecord(t *rapid.T) JobRecord {
	size := rapid.Int64Range(0, math.MaxInt64)
	r := JobRecord{
		Sequence: rapid.Uint64Range(1, math.MaxUint64).Draw(t, "sequence"),
		Limits: JobLimits{
			Processes: rapid.Uint32Range(0, math.MaxInt32).Draw(t, "processes"), Flags: JobFlags(rapid.Uint32Range(0, 63).Draw(t, "flags")),
			Memory: size.Draw(t, "memory"), ProcessMemory: size.Draw(t, "each"), Time: size.Draw(t, "time"), ProcessTime: size.Draw(t, "time each"),
			Rate: rapid.Uint32().Draw(t, "rate"), Nice: rapid.Int32Range(-20, 19).Draw(t, "nice"),
		},
		Mode:       JobMode(rapid.Uint32Range(0, 2).Draw(t, "mode")),
		Terminated: rapid.Uint32().Draw(t, "terminated"), Code: rapid.Int64().Draw(t, "code"),
		Total: rapid.Uint64().Draw(t, "total"), Killed: rapid.Uint64().Draw(t, "killed"),
	}
	for i := range r.Limits.Processors {
		r.Limits.Processors[i] = rapid.Uint64().Draw(t, "processors")
	}
	if r.Mode == JobGroup {
		r.GroupID = rapid.Uint64().Draw(t, "id")
		r.Group = "/" + strings.Repeat("g", rapid.IntRange(0, MaxGroupPath-1).Draw(t, "path"))
	}
	return r
}

// A record that was written is read, whatever its place.
func TestJobRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := someRecord(t)
		region := make([]byte, JobSize)
		copy(region[r.Place():], r.Encode())
		got, ok := ParseJob(region)
		if !ok || got != r {
			t.Fatalf("read %v, %+v, want %+v", ok, got, r)
		}
	})
}

// A change that was cut off anywhere leaves the record that counted before.
func TestJobRecordCutOff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := someRecord(t)
		old.Sequence = rapid.Uint64Range(1, 1000).Draw(t, "small")
		next := someRecord(t)
		next.Sequence = old.Sequence + 1
		region := make([]byte, JobSize)
		for i := range region[JobWordsSize:] {
			region[JobWordsSize+i] = 0xAA
		}
		copy(region[old.Place():], old.Encode())
		whole := next.Encode()
		cut := rapid.IntRange(0, len(whole)).Draw(t, "cut")
		copy(region[next.Place():], whole[:cut])
		got, ok := ParseJob(region)
		want := old
		if cut == len(whole) {
			want = next
		}
		if !ok || got != want {
			t.Fatalf("cut at %d of %d: %v, %+v, want %+v", cut, len(whole), ok, got, want)
		}
	})
}

// No bytes make it fail, and one bit that was turned is seen.
func TestJobRecordDamaged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if got, ok := ParseJob(rapid.SliceOfN(rapid.Byte(), 0, JobSize).Draw(t, "noise")); ok {
			t.Fatalf("noise is %+v", got)
		}
		r := someRecord(t)
		b := r.Encode()
		bit := rapid.IntRange(0, 8*len(b)-1).Draw(t, "bit")
		b[bit/8] ^= 1 << (bit % 8)
		region := make([]byte, JobSize)
		copy(region[r.Place():], b)
		if got, ok := ParseJob(region); ok {
			t.Fatalf("with bit %d turned it is %+v", bit, got)
		}
	})
}

// What has a right checksum, and cannot be.
func TestJobRecordImpossible(t *testing.T) {
	for name, change := range map[string]func(*JobRecord){
		"sequence": func(r *JobRecord) { r.Sequence = 0 },
		"mode":     func(r *JobRecord) { r.Mode = 3 },
		"flags":    func(r *JobRecord) { r.Limits.Flags = 64 },
		"memory":   func(r *JobRecord) { r.Limits.Memory = -1 },
		"nice":     func(r *JobRecord) { r.Limits.Nice = 20 },
		"count":    func(r *JobRecord) { r.Limits.Processes = 1 << 31 },
		"no group": func(r *JobRecord) { r.Mode = JobGroup },
		"a group":  func(r *JobRecord) { r.Group = "/x" },
	} {
		r := JobRecord{Sequence: 2}
		region := make([]byte, JobSize)
		copy(region[r.Place():], r.Encode())
		if _, ok := ParseJob(region); !ok {
			t.Fatal("a sound one is not")
		}
		change(&r)
		region = make([]byte, JobSize)
		copy(region[r.Place():], r.Encode())
		if got, ok := ParseJob(region); ok {
			t.Errorf("%s: it is read as %+v", name, got)
		}
	}
}

func TestJobFileSize(t *testing.T) {
	for _, length := range []int{0, 1, StateMapSize - NameOffset, StateMapSize - NameOffset + 1, 80000} {
		h := Header{Type: Job, Name: strings.Repeat("n", length)}
		at := h.JobOffset()
		if at%StateMapSize != 0 || at < int64(NameOffset+length) || at >= int64(NameOffset+length+StateMapSize) {
			t.Errorf("the region of a name of %d is at %d", length, at)
		}
		if h.FileSize() != at+JobSize {
			t.Errorf("the file of a name of %d is %d long", length, h.FileSize())
		}
	}
}
