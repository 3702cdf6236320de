//go:build linux

package job

import (
	"os"
	"strconv"
	"strings"
	"time"

	"atoll/internal/cgroup"
	"atoll/internal/guardian"
	"atoll/internal/layout"
)

// Stats are what is known of a job's processes. What Missing names counts only the
// processes that are in the job now.
type Stats struct {
	User, System      time.Duration
	Faults            uint64
	Memory            uint64
	PeakMemory        uint64
	PeakProcessMemory uint64
	Processes         int
	Total             uint64
	Terminated        uint64
	OverProcesses     uint64
	OverMemory        uint64
	ReadBytes         uint64
	WrittenBytes      uint64
	Reads             uint64
	Writes            uint64
	Missing           []string
	Mechanism         string
	Controllers       []string
}

// Names of what may be missing.
const (
	missingFaults = "faults"
	missingPeak   = "peak memory"
	missingIO     = "io"
)

// Stats looks at the job's processes.
func (j *Job) Stats() (s Stats, err error) {
	r, err := j.record()
	if err != nil {
		return s, err
	}
	s.Total, s.Terminated = r.Total, r.Killed
	s.Mechanism = mechanism(r.Mode)
	words, err := guardian.ReadWords(j.file, j.at)
	if err != nil || r.Mode == layout.JobUnused {
		return s, err
	}
	s.OverProcesses, s.OverMemory = words[guardian.WordSurplus], words[guardian.WordHungry]
	m, err := j.membersOf(&r)
	if err != nil {
		return s, err
	}
	user, system := m.Time()
	s.User, s.System = time.Duration(user), time.Duration(system)
	list := m.List()
	s.Processes = len(list)
	s.Faults = words[guardian.WordFaults]
	s.addProcesses(list)
	s.readMemory(m.Group)
	s.readIO(m.Group)
	return s, nil
}

func mechanism(mode layout.JobMode) string {
	switch mode {
	case layout.JobGroup:
		return "cgroup"
	case layout.JobTree:
		return "tree"
	default:
		return ""
	}
}

// addProcesses adds up what the processes say that are in the job now.
func (s *Stats) addProcesses(list []guardian.Process) {
	for _, p := range list {
		s.Faults += p.Faults
		s.Memory += guardian.Memory(p.PID)
		proc := "/proc/" + strconv.Itoa(p.PID)
		if text, err := os.ReadFile(proc + "/status"); err == nil {
			s.PeakProcessMemory = max(s.PeakProcessMemory, number(string(text), "VmHWM:")<<10)
		}
		if text, err := os.ReadFile(proc + "/io"); err == nil {
			s.ReadBytes += number(string(text), "read_bytes:")
			s.WrittenBytes += number(string(text), "write_bytes:")
			s.Reads += number(string(text), "syscr:")
			s.Writes += number(string(text), "syscw:")
		}
	}
	s.PeakMemory = s.Memory
}

// number reads the number behind a name at the beginning of a line.
func number(text, name string) uint64 {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) >= 2 && f[0] == name {
			n, _ := strconv.ParseUint(f[1], 10, 64)
			return n
		}
	}
	return 0
}

// readMemory takes what the group counts instead, if it does.
func (s *Stats) readMemory(g cgroup.Group) {
	if g.FD < 0 || !g.Has(memoryController) {
		s.Missing = append(s.Missing, missingFaults, missingPeak)
		return
	}
	s.Controllers = append(s.Controllers, memoryController)
	if text, err := g.Read("memory.stat"); err == nil {
		s.Faults = cgroup.Counter(text, "pgfault")
	}
	if text, err := g.Read("memory.events"); err == nil {
		s.OverMemory += cgroup.Counter(text, "oom_kill")
	}
	s.Memory = readNumber(g, "memory.current")
	if s.PeakMemory = readNumber(g, "memory.peak"); s.PeakMemory == 0 { // before Linux 5.19
		s.PeakMemory = s.Memory
		s.Missing = append(s.Missing, missingPeak)
	}
}

func readNumber(g cgroup.Group, file string) uint64 {
	text, err := g.Read(file)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	return n
}

// readIO takes what the group counts of disks instead, if it does. Lines are like
//
//	8:0 rbytes=90112 wbytes=4096 rios=11 wios=1 dbytes=0 dios=0
func (s *Stats) readIO(g cgroup.Group) {
	text, err := "", error(nil)
	if g.FD >= 0 && g.Has(ioController) {
		text, err = g.Read("io.stat")
	}
	if g.FD < 0 || !g.Has(ioController) || err != nil {
		s.Missing = append(s.Missing, missingIO)
		return
	}
	s.Controllers = append(s.Controllers, ioController)
	s.ReadBytes, s.WrittenBytes, s.Reads, s.Writes = 0, 0, 0, 0
	into := map[string]*uint64{"rbytes": &s.ReadBytes, "wbytes": &s.WrittenBytes, "rios": &s.Reads, "wios": &s.Writes}
	for field := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(field, "=")
		if sum := into[name]; sum != nil {
			n, _ := strconv.ParseUint(value, 10, 64)
			*sum += n
		}
	}
}
