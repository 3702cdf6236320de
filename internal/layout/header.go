package layout

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"unicode/utf8"

	"atoll/internal/errs"
)

// Where things lie in an object's file. The header proper is immutable after
// the object was published; the state region is what changes; the name and, for
// a file section, the path of the file follow; a memory section's data begins at
// Header.DataOffset.
const (
	HeaderSize   = 256  // fixed fields, then zeros up to the checksum
	StateOffset  = 512  // the state cell, alone on its cache line
	StateSize    = 512  // reserved for state
	NameOffset   = 1024 // name, then path, without padding
	DataAlign    = 64 << 10
	LargePage    = 2 << 20
	StateMapSize = 4096 // what a synchronisation object's file is rounded up to
)

// Limits of what a header may claim. A name has at most 32,766 UTF-16 units, so
// at most three times as many bytes of UTF-8.
const (
	MaxName = 3 * 32766
	MaxPath = 4096
	MaxSize = 1<<62 - 1
)

// Version of the format. It changes with every change of layout; docs/FORMAT.md
// says what a version promises. Version 0 promised nothing.
const Version = 1

// Magic starts every object's file.
const Magic = "ATOLLOBJ"

// Byte offsets of the fixed fields.
const (
	offMagic      = 0
	offVersion    = 8
	offSignature  = 12
	offType       = 16
	offFlags      = 20
	offDataOffset = 24
	offSize       = 32
	offProtection = 40
	offUID        = 44
	offPID        = 48
	offNameLen    = 52
	offCreated    = 56
	offFileDev    = 64
	offFileIno    = 72
	offPathLen    = 80
	offLimit      = 84
	offUsed       = 88 // from here to the checksum all bytes are zero
	offChecksum   = 252
)

// signature is a number made of the offsets and sizes above: two builds that
// disagree about the layout refuse each other even if somebody forgot to change
// Version.
var signature = layoutSignature()

func layoutSignature() uint32 {
	table := []uint32{
		HeaderSize, StateOffset, StateSize, NameOffset, DataAlign, LargePage, StateMapSize,
		offVersion, offSignature, offType, offFlags, offDataOffset, offSize, offProtection,
		offUID, offPID, offNameLen, offCreated, offFileDev, offFileIno, offPathLen, offChecksum,
		offLimit, oneBit, Many, AbandonedBit, OwnerMask, SignaledBit, generationStep, crowdBit, grantStep, oldStep, epochStep, settingBit,
		uint32(wakesOffset), uint32(pendingOffset), uint32(sinceOffset), uint32(settingsOffset), uint32(serialOffset), uint32(waitingOffset), uint32(waitersOffset), Seats, memberDecision,
		memberVersion, memberNumber, memberPID, memberStarted, memberBell, memberCommand, memberSize,
		JobSize, jobWordsSize, jobRecords, jobRecord, uint32(recordHead), MaxProcessors,
	}
	var b []byte
	for _, v := range table {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return crc32.Checksum(b, castagnoli)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Type is the kind of an object. All types share one name space.
type Type uint32

// The six types.
const (
	Section Type = 1 + iota
	Mutex
	Semaphore
	Event
	Timer
	Job
)

var typeNames = [...]string{"unknown", "section", "mutex", "semaphore", "event", "timer", "job"}

// String returns the word that the command uses for the type.
func (t Type) String() string {
	if t < Type(len(typeNames)) {
		return typeNames[t]
	}
	return typeNames[0]
}

// Flags of an object.
type Flags uint32

// The flags. What belongs to another type must be zero.
const (
	FlagFile        Flags = 1 << iota // section over a file: no data in this one
	FlagReserve                       // section: pages are not allocated at creation
	FlagLargePages                    // section: data in 2 MiB pages
	FlagManualReset                   // event, timer
	// FlagReaders is set with FlagManualReset where somebody may read the object's
	// file who may not write it: such a one can wait, but cannot leave word that it
	// sleeps. So whoever changes the object wakes everybody, whatever the gate says.
	FlagReaders
	FlagKillOnClose // job: its processes end with its last handle
	FlagBreakaway   // job: its members may start processes outside
	allFlags        = FlagFile | FlagReserve | FlagLargePages | FlagManualReset | FlagReaders | FlagKillOnClose | FlagBreakaway
)

// Header is what a program knows about an object after it has looked at the
// header once. It never changes during the object's life.
type Header struct {
	Type       Type
	Flags      Flags
	DataOffset int64 // memory section: where its bytes begin
	Size       int64 // section: bytes, exact
	Protection uint32
	UID        uint32 // of the creator, for people; the file's owner is what counts
	PID        uint32 // of the creator, in its own pid namespace, for people
	Created    int64  // nanoseconds since 1970
	Name       string // without prefix; empty for an unnamed object
	Limit      uint32 // semaphore: the most that its count can be
	FileDev    uint64 // file section: the file's identity
	FileIno    uint64
	Path       string // file section: where the file was at creation
}

// Has says whether all of f are set.
func (h *Header) Has(f Flags) bool { return h.Flags&f == f }

// Kind is the kind of the object's word; false: it has none.
func (h *Header) Kind() (kind Kind, ok bool) {
	manual := h.Has(FlagManualReset)
	switch h.Type {
	case Mutex:
		return MutexWord, true
	case Semaphore:
		return SemaphoreWord, true
	case Event:
		if manual {
			return ManualEventWord, true
		}
		return AutoEventWord, true
	case Timer:
		if manual {
			return ManualTimerWord, true
		}
		return AutoTimerWord, true
	case Job:
		return ManualEventWord, true
	default:
		return 0, false
	}
}

// FileSize is the exact size of the object's file.
func (h *Header) FileSize() int64 {
	if h.Type == Section && !h.Has(FlagFile) {
		return h.DataOffset + h.Size
	}
	if h.Type == Job {
		return h.JobOffset() + JobSize
	}
	return roundUp(int64(NameOffset+len(h.Name)+len(h.Path)), StateMapSize)
}

// PlaceData sets DataOffset to the first place behind the name that every page
// size can map.
func (h *Header) PlaceData() {
	align := int64(DataAlign)
	if h.Has(FlagLargePages) {
		align = LargePage
	}
	h.DataOffset = roundUp(int64(NameOffset+len(h.Name)+len(h.Path)), align)
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

// Encode returns the file's bytes from 0 to the end of the name and path, with
// an all-zero state region.
func (h *Header) Encode() []byte {
	b := make([]byte, NameOffset, NameOffset+len(h.Name)+len(h.Path))
	le := binary.LittleEndian
	copy(b[offMagic:], Magic)
	le.PutUint32(b[offVersion:], Version)
	le.PutUint32(b[offSignature:], signature)
	le.PutUint32(b[offType:], uint32(h.Type))
	le.PutUint32(b[offFlags:], uint32(h.Flags))
	le.PutUint64(b[offDataOffset:], uint64(h.DataOffset))
	le.PutUint64(b[offSize:], uint64(h.Size))
	le.PutUint32(b[offProtection:], h.Protection)
	le.PutUint32(b[offUID:], h.UID)
	le.PutUint32(b[offPID:], h.PID)
	le.PutUint32(b[offNameLen:], uint32(len(h.Name)))
	le.PutUint64(b[offCreated:], uint64(h.Created))
	le.PutUint64(b[offFileDev:], h.FileDev)
	le.PutUint64(b[offFileIno:], h.FileIno)
	le.PutUint32(b[offPathLen:], uint32(len(h.Path)))
	le.PutUint32(b[offLimit:], h.Limit)
	b = append(append(b, h.Name...), h.Path...)
	le.PutUint32(b[offChecksum:], checksum(b))
	return b
}

// checksum covers the fixed fields and the name and path, but not the state.
// It is against faults, not against attackers.
func checksum(b []byte) uint32 {
	sum := crc32.Checksum(b[:offChecksum], castagnoli)
	return crc32.Update(sum, castagnoli, b[NameOffset:])
}

// HeaderLength says how many bytes of a file ParseHeader needs, judging by the
// first NameOffset bytes (or fewer, if the file is shorter).
//
// # Errors
//
// ErrCorrupt, ErrVersion: as ParseHeader.
func HeaderLength(first []byte) (int, error) {
	if len(first) < NameOffset {
		return 0, errs.New(errs.ErrCorrupt, "is %d bytes long, too short for an Atoll object; remove it", len(first))
	}
	if !HasMagic(first) {
		return 0, errs.New(errs.ErrCorrupt, "is not an Atoll object: it begins with %q; remove it", first[:len(Magic)])
	}
	le := binary.LittleEndian
	if v := le.Uint32(first[offVersion:]); v != Version {
		return 0, errs.New(errs.ErrVersion, "has format version %d, this program reads version %d; use programs built with the same version of Atoll", v, Version)
	}
	if s := le.Uint32(first[offSignature:]); s != signature {
		return 0, errs.New(errs.ErrVersion, "has layout signature %#x, this program's is %#x; use programs built from the same version of Atoll", s, signature)
	}
	name, path := le.Uint32(first[offNameLen:]), le.Uint32(first[offPathLen:])
	if name > MaxName || path > MaxPath {
		return 0, errs.New(errs.ErrCorrupt, "claims a name of %d and a path of %d bytes", name, path)
	}
	return NameOffset + int(name) + int(path), nil
}

// HasMagic says whether a file's first bytes are those of an Atoll object, of
// whatever version. Only such a file may be removed by Atoll.
func HasMagic(first []byte) bool {
	return len(first) >= len(Magic) && string(first[:len(Magic)]) == Magic
}

// ParseHeader reads the bytes of a file from 0 to HeaderLength. It accepts any
// bytes.
//
// # Errors
//
// ErrVersion: another version or layout. ErrCorrupt: anything else that a sound
// object does not have; the text says what.
func ParseHeader(b []byte) (Header, error) {
	n, err := HeaderLength(b[:min(len(b), NameOffset)])
	if err != nil {
		return Header{}, err
	}
	if len(b) < n {
		return Header{}, errs.New(errs.ErrCorrupt, "is %d bytes long, its header needs %d", len(b), n)
	}
	b = b[:n]
	le := binary.LittleEndian
	if sum := le.Uint32(b[offChecksum:]); sum != checksum(b) {
		return Header{}, errs.New(errs.ErrCorrupt, "has a damaged header (checksum %#x, computed %#x)", sum, checksum(b))
	}
	nameEnd := NameOffset + int(le.Uint32(b[offNameLen:]))
	h := Header{
		Type:       Type(le.Uint32(b[offType:])),
		Flags:      Flags(le.Uint32(b[offFlags:])),
		DataOffset: int64(le.Uint64(b[offDataOffset:])),
		Size:       int64(le.Uint64(b[offSize:])),
		Protection: le.Uint32(b[offProtection:]),
		UID:        le.Uint32(b[offUID:]),
		PID:        le.Uint32(b[offPID:]),
		Created:    int64(le.Uint64(b[offCreated:])),
		Limit:      le.Uint32(b[offLimit:]),
		FileDev:    le.Uint64(b[offFileDev:]),
		FileIno:    le.Uint64(b[offFileIno:]),
		Name:       string(b[NameOffset:nameEnd]),
		Path:       string(b[nameEnd:]),
	}
	if reason := h.unsound(b[offUsed:offChecksum]); reason != "" {
		return Header{}, errs.New(errs.ErrCorrupt, "has an impossible header: %s", reason)
	}
	return h, nil
}

// unsound says what in a header with a right checksum cannot be, or "".
func (h *Header) unsound(reserved []byte) string {
	switch {
	case h.Type < Section || h.Type > Job:
		return "no such type"
	case h.Flags&^allFlags != 0:
		return "unknown flags"
	case len(bytes.Trim(reserved, "\x00")) != 0:
		return "reserved bytes are not zero"
	case !utf8.ValidString(h.Name) || strings.ContainsAny(h.Name, "\\\x00"):
		return "no possible name"
	case h.Flags&^h.Type.flags() != 0:
		return "flags of another type"
	case h.Has(FlagReaders) && !h.Has(FlagManualReset):
		return "readers of what only writers can wait for"
	case (h.Type == Semaphore) != (h.Limit != 0) || h.Limit > MaxCount:
		return "no possible limit"
	case !h.Has(FlagFile) && (h.FileDev != 0 || h.FileIno != 0 || h.Path != ""):
		return "it names a file, but is not a section over one"
	case h.Type == Section:
		return h.unsoundSection()
	case h.Size != 0 || h.DataOffset != 0 || h.Protection != 0:
		return "fields of another type"
	}
	return ""
}

// flags are what an object of the type may have.
func (t Type) flags() Flags {
	switch t {
	case Section:
		return FlagFile | FlagReserve | FlagLargePages
	case Event, Timer:
		return FlagManualReset | FlagReaders
	case Job:
		return FlagKillOnClose | FlagBreakaway
	default:
		return 0
	}
}

func (h *Header) unsoundSection() string {
	placed := *h
	placed.PlaceData()
	switch {
	case h.Size <= 0 || h.Size > MaxSize:
		return "no possible size"
	case h.Protection == 0 || h.Protection > MaxProtection:
		return "no such protection"
	case h.Has(FlagFile):
		if h.DataOffset != 0 || h.Path == "" || strings.Contains(h.Path, "\x00") || h.Has(FlagLargePages) {
			return "no possible file section"
		}
	case h.DataOffset != placed.DataOffset:
		return "no possible place of the data"
	}
	return ""
}

// MaxProtection is the highest number of a section's protection; access.Protection
// names them.
const MaxProtection = 6
