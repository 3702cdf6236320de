package atoll

import (
	"fmt"
	"io/fs"
	"iter"
	"time"

	"atoll/internal/namespace"
)

// Scope is a directory of names: this user's, the one that all users share, or that
// of a private namespace, which PrivateNamespace.Scope gives.
type Scope uint32

// The scopes.
const (
	LocalScope  Scope = iota // the user's own names
	GlobalScope              // names shared by all users
	// PrivateScope is all private namespaces that this user may enter, whether this
	// process has them open or not. Their names have the alias in front, which means
	// something only where the namespace is open.
	PrivateScope
)

// String returns "Local", "Global", "Private", or the alias of a private namespace that this
// process has open.
func (s Scope) String() string { return namespace.Scope(s).String() }

// Process is a process that has to do with an object.
type Process struct {
	PID     int    `json:"pid"`     // 0: not known
	Command string `json:"command"` // its program's base name
}

// Duration is a time.Duration that JSON shows as text, such as "1.5s".
type Duration time.Duration

// MarshalText writes the duration as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what MarshalText writes.
//
// # Errors
//
// As time.ParseDuration.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// Info is what can be seen of an object from outside, at one moment: the next
// moment it may be otherwise. What this user may not see is missing: holders that
// are processes of other users, for one.
type Info struct {
	Name        string      `json:"name"`     // with its prefix, if it has one
	Type        Type        `json:"type"`     // 0 if it cannot be read
	Size        int64       `json:"size"`     // section: bytes
	Resident    int64       `json:"resident"` // bytes that the object's own file takes now
	Protection  string      `json:"protection,omitempty"`
	Reserve     bool        `json:"reserve,omitempty"`
	LargePages  bool        `json:"largePages,omitempty"`
	File        string      `json:"file,omitempty"`        // file section: the file's path at creation
	ManualReset bool        `json:"manualReset,omitempty"` // event, timer
	Signaled    *bool       `json:"signaled,omitempty"`    // a wait would be over at once: event set, mutex free, count above 0, timer due
	Count       *int32      `json:"count,omitempty"`       // semaphore
	Max         int32       `json:"max,omitempty"`         // semaphore
	Due         *time.Time  `json:"due,omitempty"`         // timer that is active: when it is signaled next
	Period      Duration    `json:"period,omitempty"`      // timer that is active: 0 if it is due once
	Owner       *Process    `json:"owner,omitempty"`       // mutex: who owns it, or abandoned it
	OwnerSince  *time.Time  `json:"ownerSince,omitempty"`  // mutex: since when at the latest; not known before somebody has waited behind the owner
	Abandoned   bool        `json:"abandoned,omitempty"`   // mutex: Owner is dead, or left it
	Busy        *Process    `json:"busy,omitempty"`        // who is just changing the state
	Waiters     int         `json:"waiters,omitempty"`     // goroutines that wait: of the first 31 processes, and those only that had to sleep
	Waiting     []Process   `json:"waiting,omitempty"`     // the processes that they are in
	Alive       bool        `json:"alive"`                 // somebody has a handle; else it is a leftover
	Holders     []Process   `json:"holders"`               // who have handles
	Viewers     []Process   `json:"viewers,omitempty"`     // who have views
	Mode        fs.FileMode `json:"-"`                     // of the object's own file
	UID         int         `json:"uid"`                   // its owner
	GID         int         `json:"gid"`                   // its group
	ACL         []string    `json:"acl,omitempty"`         // its ACL, as getfacl lists it, where Mode does not say all; then the group's bits of Mode are the mask
	Creator     int         `json:"creator"`               // pid, in the creator's pid namespace
	Created     time.Time   `json:"created"`
	Path        string      `json:"path"`              // the object's own file
	Problem     string      `json:"problem,omitempty"` // why it cannot be read, if so
}

// List looks at every object of a scope, in no order. It takes no part in their
// life: no object is kept, made or removed by looking.
//
// What killed processes left behind is listed with Alive false; no program can
// open it. A file that is no sound object is listed with the Problem that it has.
// Objects that come or go meanwhile may or may not be seen. Unnamed objects are
// in no scope.
//
// It reads the directory and /proc once, before the first object; it blocks for
// nothing else.
//
// # Errors
//
// As CreateMutex, about the directory; it comes last. A scope that has no
// directory yet is empty, which is no error.
func List(scope Scope) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if err := scope.check(); err != nil {
			yield(Info{}, fail("list", 0, "", err))
			return
		}
		for info, err := range kernelList(scope) {
			if !yield(info, fail("list", 0, "", err)) {
				return
			}
		}
	}
}

// Stat looks at the object of a name, as List does.
//
// # Errors
//
// fs.ErrNotExist: no process has a handle to an object of that name. If a killed
// process left it behind, the Info is filled all the same. ErrBadName,
// ErrCorrupt, ErrVersion; the Info has what could be seen. fs.ErrPermission.
func Stat(name string) (Info, error) {
	info, err := kernelStat(name)
	return info, fail("stat", 0, name, err)
}

// Sweep removes everything in a scope that killed processes left behind: objects
// that nobody has a handle to, and what tells who was alive, as far as no mutex
// has to say by whom it was abandoned. Names are free without it, and every
// create removes a little; Sweep gives back all memory at once. It says how many
// objects it removed. It disturbs no living object, and may run at any time, also
// many at once. Sweep of LocalScope, or of PrivateScope, also removes the private
// namespaces of this user, or for root of all, that nobody has open any more.
//
// # Errors
//
// What kept it from removing something, joined: fs.ErrPermission for what is
// another user's. It goes on to the rest.
func Sweep(scope Scope) (removed int, err error) {
	if err := scope.check(); err != nil {
		return 0, fail("sweep", 0, "", err)
	}
	removed, err = kernelSweep(scope)
	return removed, fail("sweep", 0, "", err)
}

func (s Scope) check() error {
	if s > PrivateScope && !namespace.Scope(s).Known() {
		return fmt.Errorf("no scope has the number %d, or its private namespace is closed: %w", s, fs.ErrInvalid)
	}
	return nil
}

// MarshalText writes the type as String does, for encoding/json.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText writes.
//
// # Errors
//
// fs.ErrInvalid: no such type.
func (t *Type) UnmarshalText(text []byte) error {
	for i := range TypeJob + 1 {
		if i.String() == string(text) {
			*t = i
			return nil
		}
	}
	return fmt.Errorf("%q is no type of object (section, mutex, semaphore, event, timer and job are): %w", text, fs.ErrInvalid)
}
