package atoll

import "fmt"

// Level says how much a finding of Doctor matters.
type Level uint8

// The levels.
const (
	LevelFine    Level = iota
	LevelNote          // works, but slower, or with a limit that one should know
	LevelProblem       // something does not work, and needs the remedy
)

// String returns "fine", "note" or "problem".
func (l Level) String() string {
	switch l {
	case LevelFine:
		return "fine"
	case LevelNote:
		return "note"
	case LevelProblem:
		return "problem"
	}
	return fmt.Sprintf("level %d", uint8(l))
}

// MarshalText writes the level as String does, for encoding/json.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Finding is one thing that Doctor looked at.
type Finding struct {
	Level  Level  `json:"level"`
	Topic  string `json:"topic"`            // "kernel", "memory", "directories", "left behind", "jobs", "system", "namespaces", "pid N", or "pids N and M"
	What   string `json:"what"`             // what was found
	Why    string `json:"why,omitempty"`    // why it matters
	Remedy string `json:"remedy,omitempty"` // what to do; empty if nothing can or need be done
}

// Report is what Doctor found.
type Report struct {
	Base     string    `json:"base"` // the directory that the directories of names lie in
	Findings []Finding `json:"findings"`
}

// Problems returns the findings that need a remedy.
func (r Report) Problems() (problems []Finding) {
	for _, f := range r.Findings {
		if f.Level == LevelProblem {
			problems = append(problems, f)
		}
	}
	return problems
}

// Doctor looks at all that this package needs of the system and of this process's
// place in it: features of the kernel, room and kind of the file system of shared
// memory, the directories of names and what is left in them, what else of the
// system takes a hand (systemd, control groups, yama), and namespaces. It changes
// nothing, and blocks for nothing.
//
// Texts are for people; only Level and Topic are to be relied on.
func Doctor() Report { return Report{Base: kernelBase(), Findings: kernelDoctor()} }

// DoctorOf says whether this process and another one, by its pid here, can see each
// other's objects, and if not, why: their base directories, their users, their
// namespaces. What this user may not read of the other process is noted.
//
// # Errors
//
// fs.ErrNotExist: there is no such process.
func DoctorOf(pid int) (Report, error) {
	findings, err := kernelDoctorOf(pid)
	if err != nil {
		return Report{}, fail("doctor", 0, "", err)
	}
	return Report{Base: kernelBase(), Findings: findings}, nil
}

// DoctorOfPair says of two processes, by their pids here, what DoctorOf says of this
// one and another.
//
// # Errors
//
// fs.ErrNotExist: one of the processes does not exist.
func DoctorOfPair(one, other int) (Report, error) {
	findings, err := kernelDoctorOfPair(one, other)
	if err != nil {
		return Report{}, fail("doctor", 0, "", err)
	}
	return Report{Base: kernelBase(), Findings: findings}, nil
}

// SetupStep is one thing that must be so for users to share Global names.
type SetupStep struct {
	What    string `json:"what"`    // what is so when it is done
	Command string `json:"command"` // what does it in a shell, as root
	Done    bool   `json:"done"`
}

// Setup says what an administrator must do so that all users can use Global names,
// and does it if apply says so, which needs root: the directory in which the names
// lie, and, unless the folder snippets is "", a file in it by which systemd-tmpfiles
// makes the directory again at each start (it lies in memory). Usually that folder
// is /etc/tmpfiles.d. It can be repeated; what is done already is left alone.
//
// The directory belongs to root because the owner of a directory can remove what
// others make in it: so users other than root never make it, and the Global names of
// a directory that belongs to anybody else are refused.
//
// # Errors
//
// What is in the way, with what was found and what to do: a link or a file where the
// directory should be, one of another user's, a base directory that is not as it
// must be; the steps before it are done. fs.ErrPermission: apply, by anybody but
// root; the steps are returned all the same.
func Setup(snippets string, apply bool) ([]SetupStep, error) {
	steps, err := kernelSetup(snippets, apply)
	return steps, fail("setup", 0, "", err)
}
