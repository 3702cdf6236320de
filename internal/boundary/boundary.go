//go:build linux

package boundary

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
)

// Boundary says who may found a namespace: who satisfies every one of its
// elements. Lists are in order and without duplicates.
type Boundary struct {
	Name   string   `json:"name"`
	Users  []uint32 `json:"users"`
	Groups []uint32 `json:"groups"`
}

// New makes a boundary.
//
// # Errors
//
// fs.ErrInvalid: no element, or a number that is no id. ErrBadName: a name that
// is not text.
func New(name string, users, groups []int) (Boundary, error) {
	b, err := Open(name)
	if err == nil && len(users)+len(groups) == 0 {
		err = errs.New(fs.ErrInvalid, "the boundary has neither a user nor a group, so it would keep nobody out; Global\\ is for what all share")
	}
	if err != nil {
		return b, err
	}
	if b.Users, err = ids("user", users); err != nil {
		return b, err
	}
	b.Groups, err = ids("group", groups)
	return b, err
}

// Open makes a boundary that everybody is inside.
//
// # Errors
//
// ErrBadName: a name that is not text.
func Open(name string) (Boundary, error) {
	b := Boundary{Name: name}
	if !utf8.ValidString(name) || strings.Contains(name, "\x00") {
		return b, errs.New(errs.ErrBadName, "the boundary's name must be valid UTF-8 without NUL")
	}
	return b, nil
}

func ids(what string, list []int) ([]uint32, error) {
	sorted := make([]uint32, 0, len(list))
	for _, id := range list {
		if id < 0 || int64(id) >= math.MaxUint32 { // -1 is nobody's
			return nil, errs.New(fs.ErrInvalid, "the boundary's %s %d is no id", what, id)
		}
		sorted = append(sorted, uint32(id))
	}
	slices.Sort(sorted)
	return slices.Compact(sorted), nil
}

// satisfied says whether this process is inside.
func (b *Boundary) satisfied() error {
	me := uint32(os.Geteuid())
	for _, user := range b.Users {
		if user != me {
			return errs.New(fs.ErrPermission, "only user %d may create the namespace, by its boundary; this process is user %d", user, me)
		}
	}
	mine, err := unix.Getgroups()
	if err != nil {
		return err
	}
	for _, group := range b.Groups {
		if int(group) != os.Getegid() && !slices.Contains(mine, int(group)) {
			return errs.New(fs.ErrPermission, "only a member of group %d may create the namespace, by its boundary; this process is user %d and no member of it", group, me)
		}
	}
	return nil
}

// Key is what identifies a namespace.
type Key struct {
	Alias    string   `json:"alias"`
	Boundary Boundary `json:"boundary"`
}

// Prefix begins the names of all directories of private namespaces.
const Prefix = "atoll-private-"

// prefix begins the names of the directories that could be this namespace.
func (k *Key) prefix() string {
	text := []byte(k.Alias + "\x00" + k.Boundary.Name) // neither has a NUL in it
	for _, list := range [][]uint32{k.Boundary.Users, k.Boundary.Groups} {
		text = append(text, 0)
		for i, id := range list {
			if i > 0 {
				text = append(text, ',')
			}
			text = strconv.AppendUint(text, uint64(id), 10)
		}
	}
	sum := sha256.Sum256(text)
	return Prefix + hex.EncodeToString(sum[:16]) + "-"
}
