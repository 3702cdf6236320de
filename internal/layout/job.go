package layout

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// A job's file goes on behind the name, from Header.JobOffset: first words that one
// process writes and others read, then two records, of which the sound one with the
// higher sequence counts. A record is changed under the lock on the byte for it, by
// one write of the other one: who is killed on the way leaves the one that counted.
const (
	JobSize      = 2 * StateMapSize
	jobWordsSize = 512
	jobRecords   = StateMapSize
	jobRecord    = StateMapSize / 2

	// JobWordsSize is how much of the region is words; package guardian names them.
	JobWordsSize = jobWordsSize
)

// JobOffset is where a job's own region begins.
func (h *Header) JobOffset() int64 {
	return roundUp(int64(NameOffset+len(h.Name)+len(h.Path)), StateMapSize)
}

// JobMode is what keeps a job's processes together.
type JobMode uint32

// The modes.
const (
	JobUnused JobMode = iota // it never had a process
	JobGroup                 // a control group
	JobTree                  // guardians, to whom orphans come back
	jobModes
)

// JobFlags are what a job's limits say beside numbers.
type JobFlags uint32

// The flags.
const (
	JobNoCore   JobFlags = 1 << iota // what dies by an unhandled fault leaves no image
	JobTimeTell                      // the end of the time is told, and ends nothing
	JobNice                          // Nice counts

	// Rules, which may change during the job's life; those that its header has do not.
	JobKillOnClose // its processes end with its last handle
	JobBreakaway   // its members may start processes outside
	JobSilent      // and what they start is outside, by package win32

	JobRules = JobKillOnClose | JobBreakaway | JobSilent
	jobFlags = JobNoCore | JobTimeTell | JobNice | JobRules
)

// MaxProcessors is the highest number of a processor, plus one, that a limit names.
const MaxProcessors = 1024

// JobLimits are a job's limits; zero is none.
type JobLimits struct {
	Processes     uint32
	Flags         JobFlags
	Memory        int64
	ProcessMemory int64
	Time          int64 // nanoseconds of CPU, of all processes together
	ProcessTime   int64 // nanoseconds of CPU
	Rate          uint32
	Nice          int32
	Processors    [MaxProcessors / 64]uint64
}

// JobRecord is what all who hold a job know of it.
type JobRecord struct {
	Sequence   uint64
	Limits     JobLimits
	Mode       JobMode
	Terminated uint32 // how often it was
	Code       int64  // of the last time
	GroupID    uint64 // inode of the control group
	Total      uint64 // processes that were started in it or assigned to it
	Killed     uint64 // processes that were there when it was terminated
	Group      string // path of the control group, from the root of its file system
}

// fixedRecord is a record without what is of any length.
type fixedRecord struct {
	Sequence   uint64
	Limits     JobLimits
	Mode       JobMode
	Terminated uint32
	Code       int64
	GroupID    uint64
	Total      uint64
	Killed     uint64
	GroupSize  uint32
	Checksum   uint32 // of all the others, and the path
}

var recordHead = binary.Size(fixedRecord{})

// MaxGroupPath is how long a control group's path can be.
var MaxGroupPath = jobRecord - recordHead

// Encode returns the bytes of a record.
func (r *JobRecord) Encode() []byte {
	f := fixedRecord{
		r.Sequence, r.Limits, r.Mode, r.Terminated, r.Code, r.GroupID, r.Total, r.Killed, uint32(len(r.Group)), 0,
	}
	b, _ := binary.Append(make([]byte, 0, jobRecord), binary.LittleEndian, f) // of fixed size: cannot fail
	b = append(b, r.Group...)
	binary.LittleEndian.PutUint32(b[recordHead-4:], crc32.Checksum(b, castagnoli))
	return b
}

// Place is where in the region the record with this sequence lies.
func (r *JobRecord) Place() int64 { return jobRecords + int64(r.Sequence%2)*jobRecord }

// ParseJob reads the record that counts out of the bytes of a region; false if
// neither is sound. It accepts any bytes.
func ParseJob(region []byte) (r JobRecord, ok bool) {
	for at := jobRecords; at+jobRecord <= len(region); at += jobRecord {
		if one, sound := parseRecord(region[at : at+jobRecord]); sound && (!ok || one.Sequence > r.Sequence) {
			r, ok = one, true
		}
	}
	return r, ok
}

func parseRecord(b []byte) (r JobRecord, ok bool) {
	var f fixedRecord
	if _, err := binary.Decode(b, binary.LittleEndian, &f); err != nil || int64(f.GroupSize) > int64(MaxGroupPath) {
		return r, false
	}
	image := append([]byte(nil), b[:recordHead+int(f.GroupSize)]...)
	binary.LittleEndian.PutUint32(image[recordHead-4:], 0)
	if f.Checksum != crc32.Checksum(image, castagnoli) {
		return r, false
	}
	r = JobRecord{f.Sequence, f.Limits, f.Mode, f.Terminated, f.Code, f.GroupID, f.Total, f.Killed, string(image[recordHead:])}
	return r, r.sound()
}

func (r *JobRecord) sound() bool {
	l := &r.Limits
	return r.Sequence > 0 && r.Mode < jobModes && l.Flags&^jobFlags == 0 &&
		min(l.Memory, l.ProcessMemory, l.Time, l.ProcessTime) >= 0 && l.Processes <= math.MaxInt32 &&
		l.Nice >= -20 && l.Nice <= 19 && (r.Mode == JobGroup) == (r.Group != "")
}
