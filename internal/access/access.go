// Package access decides who may do what with an object and with a handle. It is
// the only place that compares a right. Rights are Windows' access masks.
package access

import "strings"

// Mask is a set of rights on a handle, as Windows has it: what the low sixteen bits
// mean depends on the kind of the object
// (https://learn.microsoft.com/windows/win32/secauthz/access-mask-format).
type Mask uint32

// Rights of a section. Views have Copy in the place of Query.
const (
	Query Mask = 1 << iota // of all kinds: to see the state
	Write
	Read
	Execute
	Extend
	Copy = Query
)

// Rights of the other kinds.
const (
	Modify Mask = 2       // to set, to reset, to release
	Wait   Mask = 1 << 20 // SYNCHRONIZE
)

// Rights of a job.
const (
	AssignProcess Mask = 1 << iota // to put processes into it
	SetAttributes                  // to limit it
	QueryJob                       // to see the state
	Terminate                      // to end its processes
	ChangeJob     = AssignProcess | SetAttributes | Terminate
)

// Rights of a process, as far as they mean something here.
const (
	TerminateProcess Mask = 0x1
	DuplicateHandles Mask = 0x40 // of the process, into it and out of it
	SetQuota         Mask = 0x100
	QueryProcess     Mask = 0x400
	QueryLimited     Mask = 0x1000 // comes with QueryProcess
)

// Rights of a file, as far as more is done with them than to compare.
const (
	ReadData       Mask = 1
	WriteData      Mask = 1 << 1
	AppendData     Mask = 1 << 2
	ExecuteFile    Mask = 1 << 5
	ReadAttributes Mask = 1 << 7
)

// Rights that all kinds have.
const (
	Delete Mask = 1 << (16 + iota)
	ReadControl
	WriteDAC
	WriteOwner
	standard = Delete | ReadControl | WriteDAC | WriteOwner
	// ownership is what Linux leaves to the owner of the file and root.
	ownership = Delete | WriteDAC | WriteOwner
)

// What a request may have beside rights. No handle has them.
const (
	SystemSecurity Mask = 1 << 24
	MaximumAllowed Mask = 1 << 25
	Unknown        Mask = 1 << 27 // a bit that no kind has
	GenericAll     Mask = 1 << 28
	GenericExecute Mask = 1 << 29
	GenericWrite   Mask = 1 << 30
	GenericRead    Mask = 1 << 31
	generic             = GenericAll | GenericExecute | GenericWrite | GenericRead
)

// Kind is the kind of an object; the numbers are those of layout.Type.
type Kind uint32

// The kinds. A view has rights, too.
const (
	Section Kind = 1 + iota
	Mutex
	Semaphore
	Event
	Timer
	Job
	AView
	Process
	Thread
	File
	Namespace // a private one
	Port      // of completions
)

// kinds has what the generic rights of each kind come to, and all that it has.
var kinds = map[Kind]struct {
	name                            string
	read, write, execute, all, most Mask
}{
	Section:   {"section", 0x20005, 0x20002, 0x20008, 0xF001F, 0x1F001F},
	Mutex:     {"mutex", 0x20001, 0x20000, 0x120000, 0x1F0001, 0x1F0001},
	Semaphore: {"semaphore", 0x20001, 0x20002, 0x120000, 0x1F0003, 0x1F0003},
	Event:     {"event", 0x20001, 0x20002, 0x120000, 0x1F0003, 0x1F0003},
	Timer:     {"timer", 0x20001, 0x20002, 0x120000, 0x1F0003, 0x1F0003},
	Job:       {"job", 0x20004, 0x2000B, 0x120000, 0x1F003F, 0x1F003F},
	Process:   {"process", 0x20410, 0x20BEA, 0x121001, 0x1FFFFF, 0x1FFFFF},
	Thread:    {"thread", 0x20048, 0x20437, 0x121800, 0x1FFFFF, 0x1FFFFF},
	File:      {"file", 0x120089, 0x120116, 0x1200A0, 0x1F01FF, 0x1F01FF},
	Namespace: {"private namespace", 0x20003, 0x2000C, 0x20003, 0xF000F, 0xF000F},
	Port:      {"completion port", 0x20001, 0x20002, 0x120000, 0x1F0003, 0x1F0003},
}

// String returns "section", "mutex" and so on.
func (k Kind) String() string { return kinds[k].name }

// indefinite returns "a section", "an event" and so on.
func (k Kind) indefinite() string {
	if k == Event {
		return "an " + k.String()
	}
	return "a " + k.String()
}

// Specific replaces the generic rights by those that they come to for the kind.
func (m Mask) Specific(k Kind) Mask {
	of := kinds[k]
	for i, rights := range [...]Mask{of.all, of.execute, of.write, of.read} {
		if m&(GenericAll<<i) != 0 {
			m |= rights
		}
	}
	return m &^ generic
}

// words are the rights in words, as they are called for sections, views, mutexes, jobs,
// files and the others.
var words = []struct {
	bit                                     Mask
	section, view, mutex, job, file, others string
}{
	{Read, "read", "read", "", "query", "append", ""},
	{Write, "write", "write", "", "set", "write", "modify"}, // the bit Modify
	{Query, "query", "copy", "modify", "assign", "read", "query"},
	{Execute, "execute", "execute", "", "terminate", "", ""},
	{ExecuteFile, "", "", "", "", "execute", ""},
	{Extend, "extend", "", "", "", "", ""},
	{Wait, "wait", "", "wait", "wait", "wait", "wait"},
	{Delete, "delete", "", "delete", "delete", "delete", "delete"},
	{ReadControl, "read-control", "", "read-control", "read-control", "read-control", "read-control"},
	{WriteDAC, "write-dac", "", "write-dac", "write-dac", "write-dac", "write-dac"},
	{WriteOwner, "write-owner", "", "write-owner", "write-owner", "write-owner", "write-owner"},
}

// Text lists the rights in words.
func (m Mask) Text(k Kind) string {
	var list []string
	for _, w := range words {
		name := w.others
		switch k { //nolint:exhaustive // the others
		case Section:
			name = w.section
		case AView:
			name = w.view
		case Mutex:
			name = w.mutex
		case Job:
			name = w.job
		case File:
			name = w.file
		}
		if m&w.bit != 0 && name != "" {
			list = append(list, name)
		}
	}
	if list == nil {
		return "none"
	}
	return strings.Join(list, "+")
}
