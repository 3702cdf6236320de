//go:build linux

package boundary

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/lockfile"
)

// recordName is the file in a namespace's directory that says how far its founder
// is. Its first byte is the state, the line after it is for people.
//
// The founder holds byte 0 exclusively, from before the file has its name: the
// namespace can be found as long as the founder has it open, and a state counts
// only while that lock is there. Everybody who has the namespace open, or an
// object in it, holds byte 1 shared: the directory stays as long.
const recordName = "founder"

// The bytes of the record that are locked.
const (
	founderByte = lockfile.Holders
	usersByte   = lockfile.Door
)

// state is how far a founder is.
type state byte

// The states.
const (
	absent    state = 0 // no founder, or one who has closed it or died
	preparing state = 'p'
	claiming  state = 'c' // would like to be the one
	founded   state = 'f' // is the one
)

// Record is what a founder says about its namespace, for people.
type Record struct {
	Key
	PID     int    `json:"pid"`
	Command string `json:"command"`
}

// newRecord makes the record of a namespace that this process is about to found,
// locked before anybody can see it, in the directory dir.
func newRecord(dir int, key Key) (fd int, err error) {
	text, err := json.Marshal(Record{Key: key, PID: os.Getpid(), Command: filepath.Base(os.Args[0])})
	if err != nil {
		return -1, err
	}
	if fd, _, err = lockfile.CreateUnnamed(dir, 0o644); err != nil {
		return -1, err
	}
	text = append([]byte{byte(preparing), '\n'}, append(text, '\n')...)
	err = lockfile.Reserve(fd, 0, int64(len(text)))
	if err == nil {
		err = lockfile.WriteAt(fd, text, 0)
	}
	if err == nil {
		_, err = lockfile.TryExclusive(fd, founderByte)
	}
	if err == nil {
		_, err = lockfile.TryShared(fd, usersByte)
	}
	if err == nil {
		err = lockfile.Publish(fd, dir, recordName)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// openRecord opens the record in a directory that belongs to uid.
func openRecord(dir int, uid uint32) (fd int, writable bool, err error) {
	fd, writable, st, err := lockfile.Open(dir, recordName)
	if err == nil && st.Uid != uid {
		err = errors.Join(errs.New(errs.ErrCorrupt, "its record belongs to uid %d, the directory to uid %d", st.Uid, uid), unix.Close(fd))
	}
	return fd, writable, err
}

// stateOf reads the state in a record of another description.
func stateOf(fd int) (state, error) {
	alive, err := lockfile.HeldExclusively(fd, founderByte)
	if err != nil || !alive {
		return absent, err
	}
	b := make([]byte, 1)
	if n, err := lockfile.ReadAt(fd, b, 0); err != nil || n == 0 {
		return absent, err
	}
	switch s := state(b[0]); s {
	case preparing, claiming, founded:
		return s, nil
	default:
		return absent, nil
	}
}

// describe reads what a record says, for people.
func describe(fd int) Record {
	b := make([]byte, 64<<10)
	n, _ := lockfile.ReadAt(fd, b, 0)
	var r Record
	if n > 2 {
		_ = json.Unmarshal(b[2:n], &r) // nothing depends on it
	}
	return r
}

// gone says whether an error means that something was removed meanwhile.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }
