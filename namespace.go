package atoll

import (
	"io/fs"
	"iter"
	"time"
)

// Scope is a directory of names.
type Scope uint8

// The scopes.
const (
	LocalScope  Scope = iota // the user's own names
	GlobalScope              // names shared by all users
)

// Process is a process that has to do with an object.
type Process struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
}

// Info is what can be seen of an object from outside, at one moment. What this
// user may not see is missing: holders that are processes of other users, for
// one.
type Info struct {
	Name        string      `json:"name"` // with its prefix, if it has one
	Type        Type        `json:"type"` // "section", "mutex", …
	Size        int64       `json:"size"` // section: bytes
	Resident    int64       `json:"resident"`
	Protection  string      `json:"protection,omitempty"` // section
	Reserve     bool        `json:"reserve,omitempty"`
	LargePages  bool        `json:"largePages,omitempty"`
	File        string      `json:"file,omitempty"` // file section: the file's path at creation
	ManualReset bool        `json:"manualReset,omitempty"`
	Signaled    *bool       `json:"signaled,omitempty"`  // event: set; mutex: free
	Owner       *Process    `json:"owner,omitempty"`     // mutex: who owns it
	Abandoned   bool        `json:"abandoned,omitempty"` // mutex: its owner is dead or left it
	Waiters     bool        `json:"waiters,omitempty"`   // somebody waits, or did a moment ago
	Alive       bool        `json:"alive"`               // somebody has a handle; else it is a leftover
	Holders     []Process   `json:"holders"`             // who have handles
	Viewers     []Process   `json:"viewers,omitempty"`   // who have views
	Mode        fs.FileMode `json:"mode"`
	UID         int         `json:"uid"`
	Creator     int         `json:"creator"` // pid, in the creator's pid namespace
	Created     time.Time   `json:"created"`
	Path        string      `json:"path"`              // the object's own file
	Problem     string      `json:"problem,omitempty"` // why it cannot be read, if so
}

var _ iter.Seq2[Info, error]
