package layout

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"atoll/internal/errs"
)

// soundHeaders are headers of each kind, as programs make them.
func soundHeaders() map[string]Header {
	list := map[string]Header{
		"mutex":          {Type: Mutex, UID: 1000, PID: 4711, Created: 1763000000123456789, Name: "jobs"},
		"mutex-unnamed":  {Type: Mutex, UID: 1000, PID: 4711, Created: 1763000000123456789},
		"event-manual":   {Type: Event, Flags: FlagManualReset, UID: 1000, PID: 4711, Created: 1763000000123456789, Name: "ready"},
		"job":            {Type: Job, Flags: FlagKillOnClose | FlagBreakaway, UID: 1000, PID: 4711, Created: 1763000000123456789, Name: "build"},
		"timer-readers":  {Type: Timer, Flags: FlagManualReset | FlagReaders, UID: 1000, PID: 4711, Created: 1763000000123456789, Name: "nightly"},
		"event-unicode":  {Type: Event, UID: 1000, PID: 4711, Created: 1763000000123456789, Name: "Grüße 日本 \U0001F41A"},
		"section-memory": {Type: Section, Size: 5000, Protection: 1, UID: 1000, PID: 4711, Created: 1763000000123456789, Name: "prices"},
		"section-large":  {Type: Section, Flags: FlagLargePages, Size: 4 << 20, Protection: 1, UID: 0, PID: 1, Created: 1, Name: "big"},
		"section-reserve": {
			Type: Section, Flags: FlagReserve, Size: 1 << 40, Protection: 4, UID: 1000, PID: 4711, Created: 1763000000123456789, Name: "sparse",
		},
		"section-file": {
			Type: Section, Flags: FlagFile, Size: 123, Protection: 2, UID: 1000, PID: 4711, Created: 1763000000123456789,
			Name: "log", FileDev: 0x801, FileIno: 1234567, Path: "/var/log/über.log",
		},
		"longest-name": {Type: Mutex, UID: 1, PID: 1, Created: 1, Name: strings.Repeat("日", 32766)},
	}
	for name, h := range list {
		if h.Type == Section && !h.Has(FlagFile) {
			h.PlaceData()
			list[name] = h
		}
	}
	return list
}

func TestHeaderRoundTrip(t *testing.T) {
	for name, h := range soundHeaders() {
		t.Run(name, func(t *testing.T) {
			b := h.Encode()
			if n, err := HeaderLength(b[:NameOffset]); n != len(b) || err != nil {
				t.Errorf("HeaderLength is %d, %v, want %d", n, err, len(b))
			}
			got, err := ParseHeader(b)
			if err != nil || got != h {
				t.Errorf("got %+v, %v\nwant %+v", got, err, h)
			}
			// What follows in the file does not matter.
			if got, err = ParseHeader(append(b, "and more"...)); err != nil || got != h {
				t.Errorf("with bytes behind it: %+v, %v", got, err)
			}
			for _, cut := range []int{0, 1, 8, NameOffset - 1, len(b) - 1} {
				if _, err := ParseHeader(b[:cut]); cut < len(b) && !errors.Is(err, errs.ErrCorrupt) {
					t.Errorf("cut at %d: %v, want ErrCorrupt", cut, err)
				}
			}
		})
	}
}

// Every bit of the header proper, and of name and path, is guarded: a flip is an
// error. Bytes that no program has a meaning for, and the state, which changes all
// the time, are not looked at.
func TestEveryFlippedBitIsFound(t *testing.T) {
	for name, h := range soundHeaders() {
		b := h.Encode()
		for i := range b {
			if len(b) > 4*NameOffset && i%997 != 0 {
				continue // with a very long name some bytes are enough
			}
			for bit := range 8 {
				b[i] ^= 1 << bit
				got, err := ParseHeader(b)
				switch {
				case i >= HeaderSize && i < NameOffset:
					if err != nil || got != h {
						t.Fatalf("%s: byte %d, bit %d, of the state: %+v, %v", name, i, bit, got, err)
					}
				case err == nil:
					t.Fatalf("%s: byte %d, bit %d: nothing was noticed", name, i, bit)
				case !errors.Is(err, errs.ErrCorrupt) && !errors.Is(err, errs.ErrVersion):
					t.Fatalf("%s: byte %d, bit %d: %v is neither ErrCorrupt nor ErrVersion", name, i, bit, err)
				}
				b[i] ^= 1 << bit
			}
		}
	}
}

// reseal gives changed bytes a right checksum: what an attacker would do.
func reseal(b []byte) []byte {
	binary.LittleEndian.PutUint32(b[offChecksum:], checksum(b))
	return b
}

func TestImpossibleHeadersWithARightChecksum(t *testing.T) {
	all := soundHeaders()
	put32 := func(off int, v uint32) func([]byte) {
		return func(b []byte) { binary.LittleEndian.PutUint32(b[off:], v) }
	}
	put64 := func(off int, v uint64) func([]byte) {
		return func(b []byte) { binary.LittleEndian.PutUint64(b[off:], v) }
	}
	for name, c := range map[string]struct {
		from   string
		change func([]byte)
		want   error
		text   string
	}{
		"type 0":                      {"mutex", put32(offType, 0), errs.ErrCorrupt, "no such type"},
		"type 7":                      {"mutex", put32(offType, 7), errs.ErrCorrupt, "no such type"},
		"unknown flag":                {"mutex", put32(offFlags, 1<<30), errs.ErrCorrupt, "unknown flags"},
		"readers of an auto event":    {"event-unicode", put32(offFlags, uint32(FlagReaders)), errs.ErrCorrupt, "readers of what only writers can wait for"},
		"manual-reset mutex":          {"mutex", put32(offFlags, uint32(FlagManualReset)), errs.ErrCorrupt, "flags of another type"},
		"manual-reset section":        {"section-memory", put32(offFlags, uint32(FlagManualReset)), errs.ErrCorrupt, "flags of another type"},
		"file mutex":                  {"mutex", put32(offFlags, uint32(FlagFile)), errs.ErrCorrupt, "flags of another type"},
		"mutex with a size":           {"mutex", put64(offSize, 1), errs.ErrCorrupt, "fields of another type"},
		"mutex with data":             {"mutex", put64(offDataOffset, DataAlign), errs.ErrCorrupt, "fields of another type"},
		"mutex with protection":       {"mutex", put32(offProtection, 1), errs.ErrCorrupt, "fields of another type"},
		"mutex over a file":           {"mutex", put64(offFileIno, 1), errs.ErrCorrupt, "not a section over one"},
		"memory section over a file":  {"section-memory", put64(offFileDev, 1), errs.ErrCorrupt, "not a section over one"},
		"empty section":               {"section-memory", put64(offSize, 0), errs.ErrCorrupt, "no possible size"},
		"negative section":            {"section-memory", put64(offSize, 1<<63), errs.ErrCorrupt, "no possible size"},
		"section of 2^62":             {"section-memory", put64(offSize, 1<<62), errs.ErrCorrupt, "no possible size"},
		"protection 0":                {"section-memory", put32(offProtection, 0), errs.ErrCorrupt, "no such protection"},
		"protection 7":                {"section-memory", put32(offProtection, 7), errs.ErrCorrupt, "no such protection"},
		"data in the header":          {"section-memory", put64(offDataOffset, 0), errs.ErrCorrupt, "no possible place"},
		"data unaligned":              {"section-memory", put64(offDataOffset, DataAlign+1), errs.ErrCorrupt, "no possible place"},
		"data far away":               {"section-memory", put64(offDataOffset, 1<<62), errs.ErrCorrupt, "no possible place"},
		"file section with data":      {"section-file", put64(offDataOffset, DataAlign), errs.ErrCorrupt, "no possible file section"},
		"file section, large pages":   {"section-file", put32(offFlags, uint32(FlagFile|FlagLargePages)), errs.ErrCorrupt, "no possible file section"},
		"reserved byte":               {"mutex", func(b []byte) { b[offUsed] = 1 }, errs.ErrCorrupt, "reserved bytes"},
		"last reserved byte":          {"mutex", func(b []byte) { b[offChecksum-1] = 1 }, errs.ErrCorrupt, "reserved bytes"},
		"name not UTF-8":              {"mutex", func(b []byte) { b[NameOffset] = 0xFF }, errs.ErrCorrupt, "no possible name"},
		"name with NUL":               {"mutex", func(b []byte) { b[NameOffset] = 0 }, errs.ErrCorrupt, "no possible name"},
		"name with backslash":         {"mutex", func(b []byte) { b[NameOffset] = '\\' }, errs.ErrCorrupt, "no possible name"},
		"path with NUL":               {"section-file", func(b []byte) { b[len(b)-1] = 0 }, errs.ErrCorrupt, "no possible file section"},
		"name longer than any":        {"mutex", put32(offNameLen, MaxName+1), errs.ErrCorrupt, "claims a name"},
		"name of 2^32-1":              {"mutex", put32(offNameLen, 1<<32-1), errs.ErrCorrupt, "claims a name"},
		"path of 2^32-1":              {"section-file", put32(offPathLen, 1<<32-1), errs.ErrCorrupt, "claims a name"},
		"name longer than the file":   {"mutex", put32(offNameLen, MaxName), errs.ErrCorrupt, "its header needs"},
		"mutex with a path":           {"section-file", put32(offType, uint32(Mutex)), errs.ErrCorrupt, "flags of another type"},
		"future version":              {"mutex", put32(offVersion, Version+1), errs.ErrVersion, "format version"},
		"version 0":                   {"mutex", put32(offVersion, 0), errs.ErrVersion, "format version"},
		"last version":                {"mutex", put32(offVersion, 1<<32-1), errs.ErrVersion, "format version"},
		"another layout":              {"mutex", put32(offSignature, 0), errs.ErrVersion, "layout signature"},
		"future version, no checksum": {"mutex", func(b []byte) { b[offVersion]++; b[offChecksum]++ }, errs.ErrVersion, "format version"},
	} {
		t.Run(name, func(t *testing.T) {
			h := all[c.from]
			b := h.Encode()
			c.change(b)
			_, err := ParseHeader(reseal(b))
			if !errors.Is(err, c.want) || err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want %v with %q", err, c.want, c.text)
			}
		})
	}
}

func TestNotAnObject(t *testing.T) {
	for _, b := range [][]byte{
		nil, []byte("ATOLLOBJ"), make([]byte, NameOffset), bytes.Repeat([]byte{0xFF}, 4096), []byte(strings.Repeat("#!/bin/sh\n", 500)),
		EncodeMember(MemberInfo{PID: 1}),
	} {
		if _, err := ParseHeader(b); !errors.Is(err, errs.ErrCorrupt) {
			t.Errorf("%.10q: %v, want ErrCorrupt", b, err)
		}
	}
}

func TestFileSize(t *testing.T) {
	all := soundHeaders()
	for name, want := range map[string]int64{
		"mutex": 4096, "mutex-unnamed": 4096, "section-file": 4096,
		"section-memory": 64<<10 + 5000, "section-large": 2<<20 + 4<<20, "section-reserve": 64<<10 + 1<<40,
		"longest-name": 102400,
	} {
		if h := all[name]; h.FileSize() != want {
			t.Errorf("%s: %d bytes, want %d", name, h.FileSize(), want)
		}
	}
	long := Header{Type: Section, Name: strings.Repeat("n", 80000), Size: 1}
	if long.PlaceData(); long.DataOffset != 128<<10 {
		t.Errorf("data behind a long name begin at %#x", long.DataOffset)
	}
}

// The signature may change, but only together with Version once that is not 0
// any more, and never by accident: docs/FORMAT.md names it, too.
func TestSignatureIsPinned(t *testing.T) {
	const want uint32 = 0xe613e451
	if signature != want {
		t.Errorf("the layout signature is %#x, it was %#x: if the layout was meant to change, change this number, "+
			"the vectors (go test ./internal/layout -update) and, once it is not 0 any more, Version", signature, want)
	}
	if crc32.Checksum([]byte("123456789"), castagnoli) != 0xE3069283 {
		t.Error("the checksum is not CRC-32C")
	}
}

func FuzzParseHeader(f *testing.F) {
	for _, h := range soundHeaders() {
		if b := h.Encode(); len(b) < 4096 {
			f.Add(b)
		}
	}
	f.Add([]byte(Magic))
	f.Fuzz(func(t *testing.T, input []byte) {
		b := bytes.Clone(input)
		if n, err := HeaderLength(b[:min(len(b), NameOffset)]); err == nil {
			if n > NameOffset+MaxName+MaxPath {
				t.Fatalf("a header of %d bytes is never needed", n)
			}
			// Most of what is tried must get past the checksum to try anything.
			if n <= len(b) && len(b)%4 != 0 {
				reseal(b[:n])
			}
		}
		h, err := ParseHeader(b)
		if err != nil {
			if !errors.Is(err, errs.ErrCorrupt) && !errors.Is(err, errs.ErrVersion) {
				t.Fatalf("%v is neither ErrCorrupt nor ErrVersion", err)
			}
			return
		}
		again := h.Encode()
		copy(again[HeaderSize:NameOffset], b[HeaderSize:NameOffset])
		if !bytes.Equal(again, b[:len(again)]) {
			t.Fatalf("%+v encodes to other bytes than it was read from", h)
		}
		if size := h.FileSize(); size < NameOffset+int64(len(h.Name)) {
			t.Fatalf("%+v needs a file of %d bytes", h, size)
		}
	})
}
