package parley

import (
	"encoding/binary"

	"atoll/internal/errs"
)

// Note is one message: a question, an answer, or what is said of a handle on its way.
// What a number means is agreed on by the rows above.
type Note struct {
	Op      Op
	Error   uint32 // a Win32 number; 0: none
	Handle  uint64
	Kind    uint32
	Access  uint32
	Flags   uint32
	Options uint32
	Text    string
	// Descriptors come along. The kernel has made them the receiver's, who closes them.
	Descriptors []int
}

// Op is what a note is for.
type Op uint32

// The questions, of which the first two are followed by a handle: from who asks, or in
// the answer.
const (
	Give    Op = 1 + iota // here is a handle: put it into your table
	Fetch                 // give me one like yours
	Close                 // close that handle of yours
	Handle                // no question: a handle
	Answer                // no question: how it went
	Condemn               // I am about to end these processes; the code that they will have had
	last
)

// Bounds of a message.
const (
	magic          = 0x324C5441 // ATL2
	version        = 1
	headerSize     = 48
	MaxText        = 4096
	maxDescriptors = 4
)

// encode is the note as bytes, without its descriptors.
func (n *Note) encode() ([]byte, error) {
	if len(n.Text) > MaxText || len(n.Descriptors) > maxDescriptors {
		return nil, errs.Numbered(errs.NoResources, nil, "what is to be said takes %d bytes and %d descriptors", len(n.Text), len(n.Descriptors))
	}
	b := make([]byte, 0, headerSize+len(n.Text))
	for _, v := range [...]uint32{magic, version, uint32(n.Op), n.Error} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	b = binary.LittleEndian.AppendUint64(b, n.Handle)
	for _, v := range [...]uint32{n.Kind, n.Access, n.Flags, n.Options, uint32(len(n.Text)), uint32(len(n.Descriptors))} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return append(b, n.Text...), nil
}

// parse is the inverse of encode. It accepts any bytes; descriptors is how many came.
//
// # Errors
//
// ErrCorrupt, ErrVersion.
func parse(b []byte, descriptors int) (*Note, error) {
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	switch {
	case len(b) < headerSize || word(0) != magic:
		return nil, errs.New(errs.ErrCorrupt, "%d bytes are no message of another process", len(b))
	case word(4) != version:
		return nil, errs.New(errs.ErrVersion, "the other process speaks version %d, this one %d; use programs built with the same version of Atoll", word(4), version)
	}
	n := &Note{
		Op: Op(word(8)), Error: word(12), Handle: binary.LittleEndian.Uint64(b[16:]),
		Kind: word(24), Access: word(28), Flags: word(32), Options: word(36), Text: string(b[headerSize:]),
	}
	switch {
	case n.Op == 0 || n.Op >= last:
		return nil, errs.New(errs.ErrCorrupt, "a message is of the unknown kind %d", n.Op)
	case len(n.Text) > MaxText || word(40) != uint32(len(n.Text)):
		return nil, errs.New(errs.ErrCorrupt, "a message has a text of %d bytes, and says %d", len(n.Text), word(40))
	case word(44) != uint32(descriptors):
		return nil, errs.New(errs.ErrCorrupt, "a message came with %d descriptors, and says %d", descriptors, word(44))
	}
	return n, nil
}

// Failed is the error that an answer tells of.
func (n *Note) Failed() error {
	if n.Error == 0 {
		return nil
	}
	return errs.Numbered(n.Error, nil, "the other process says: %s", n.Text)
}
