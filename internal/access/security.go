package access

import (
	"io/fs"

	"atoll/internal/errs"
)

// Security says who may do what with a new object.
type Security struct {
	Mode         uint32 // permission bits of the object's file; 0: 0600
	Owner, Group *int   // nil: the creator's
}

// FileRights are what the file of an object gets: what the kernel enforces.
type FileRights struct {
	Mode     uint32
	UID, GID int // -1: the creator's
}

// CreatorAlone are the rights of an object without Security.
var CreatorAlone = FileRights{Mode: 0o600, UID: -1, GID: -1}

// The permission bits that mean something for an object.
const readWriteBits = 0o666

// FileRights decides what the object's file gets.
//
// # Errors
//
// fs.ErrInvalid: the kernel cannot do what is asked for; the text says why.
func (s *Security) FileRights() (FileRights, error) {
	r := CreatorAlone
	if s == nil {
		return r, nil
	}
	if s.Mode&^readWriteBits != 0 {
		return r, errs.New(fs.ErrInvalid, "Mode %#o has bits other than reading and writing (0666)", s.Mode)
	}
	if s.Mode != 0 {
		r.Mode = s.Mode
	}
	for _, id := range []struct {
		name string
		from *int
		to   *int
	}{{"Owner", s.Owner, &r.UID}, {"Group", s.Group, &r.GID}} {
		if id.from == nil {
			continue
		}
		if *id.from < 0 || int64(*id.from) >= 1<<32-1 {
			return r, errs.New(fs.ErrInvalid, "%s %d is no number of a user or group", id.name, *id.from)
		}
		*id.to = *id.from
	}
	return r, r.check()
}

// check refuses what the kernel would take but nobody could use.
func (r *FileRights) check() error {
	for shift := uint32(0); shift <= 6; shift += 3 {
		if r.Mode>>shift&6 == 2 {
			return errs.New(fs.ErrInvalid, "Mode %#o lets somebody write who may not read: to write memory is to map it, which needs both", r.Mode)
		}
	}
	return nil
}

// Readers says whether somebody may read the object's file who may not write it.
func (r *FileRights) Readers() bool {
	for shift := uint32(0); shift <= 6; shift += 3 {
		if r.Mode>>shift&6 == 4 {
			return true
		}
	}
	return false
}
