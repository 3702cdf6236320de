package layout

import (
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"

	"atoll/internal/errs"
)

// A member file says that a process is alive, by the lock that it holds on it,
// and rings when it dies, by its bell. What else is in it is for people.
const (
	MemberMagic   = "ATOLLMEM"
	memberVersion = 8
	// The number by which it goes: the file's name, which who owns the folder could
	// give to another one.
	memberNumber   = 12
	memberPID      = 16
	memberStarted  = 24
	memberBell     = 64 // a futex word on a cache line of its own
	memberCommand  = 128
	memberDecision = 512
	memberSize     = 4096
)

// Where a member's number lies, its bell, and its decision, and how long the file is.
const (
	MemberNumber   = memberNumber
	MemberBell     = memberBell
	MemberDecision = memberDecision
	MemberSize     = memberSize
)

// Decision says, in a member's file, what its wait for all objects came to that holds
// gates now. The member writes it, and who finds the member dead reads it.
type Decision struct {
	Made uint32 // 1: they are taken
	// Elsewhere is not 0 if that stands in the file of this member of Global: the
	// same process, for which some of the objects are global.
	Elsewhere uint32
}

// DecisionOf reads the decision out of the bytes of a member file.
func DecisionOf(file []byte) Decision {
	le := binary.LittleEndian
	return Decision{le.Uint32(file[memberDecision:]), le.Uint32(file[memberDecision+4:]) & OwnerMask}
}

// commandSize is the room for a member's command.
const commandSize = 256

// MemberInfo is what a member says about itself.
type MemberInfo struct {
	PID     int    // in the member's own pid namespace
	Started int64  // when it joined, nanoseconds since 1970
	Command string // base name of its program
}

// EncodeMember returns the bytes of a member file with a silent bell.
func EncodeMember(m MemberInfo) []byte {
	b := make([]byte, memberSize)
	copy(b, MemberMagic)
	le := binary.LittleEndian
	le.PutUint32(b[memberVersion:], Version)
	le.PutUint32(b[memberPID:], uint32(m.PID))
	le.PutUint64(b[memberStarted:], uint64(m.Started))
	copy(b[memberCommand:memberCommand+commandSize], strings.ToValidUTF8(m.Command, "?"))
	return b
}

// EncodeMemberNumber returns the bytes of a member file at MemberNumber.
func EncodeMemberNumber(number uint32) []byte {
	return binary.LittleEndian.AppendUint32(nil, number)
}

// ParseMember reads a member file. It accepts any bytes.
//
// # Errors
//
// ErrCorrupt, ErrVersion.
func ParseMember(b []byte) (MemberInfo, error) {
	if len(b) < memberCommand+commandSize || string(b[:len(MemberMagic)]) != MemberMagic {
		return MemberInfo{}, errs.New(errs.ErrCorrupt, "is not a member file")
	}
	le := binary.LittleEndian
	if v := le.Uint32(b[memberVersion:]); v != Version {
		return MemberInfo{}, errs.New(errs.ErrVersion, "is a member file of version %d", v)
	}
	command, _, _ := strings.Cut(string(b[memberCommand:memberCommand+commandSize]), "\x00")
	// It goes into messages on terminals.
	command = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, command)
	pid := le.Uint32(b[memberPID:])
	if pid > 1<<30 {
		return MemberInfo{}, errs.New(errs.ErrCorrupt, "claims the pid %d", pid)
	}
	return MemberInfo{PID: int(pid), Started: int64(le.Uint64(b[memberStarted:])), Command: command}, nil
}
