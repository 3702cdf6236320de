//go:build linux

package doctor

import (
	"maps"
	"slices"

	"atoll/internal/job"
)

// without says what is lost without a controller.
var without = map[string]string{
	"cpu":    "jobs cannot have a CPU rate",
	"memory": "the memory of jobs is limited by a process that looks a hundred times a second, and what has ended is not counted",
	"pids":   "a fork bomb in a job can outrun the process that limits it, for a moment",
	"cpuset": "the processes of a job can change the processors that they use",
	"io":     "input and output of processes that have ended are not counted",
}

// jobs looks at what keeps the processes of jobs together, and limits them.
func jobs(r *report, _ string) {
	s := job.Look()
	if s.Why != nil {
		r.add(Note, "processes are kept together by guardians, which takes more time; Assign, CPU rates and breaking away are not to be had",
			job.Remedy, "no control groups: %v", s.Why)
		return
	}
	r.fine("control groups below %s", s.Group)
	for _, c := range slices.Sorted(maps.Keys(s.Controllers)) {
		if why := s.Controllers[c]; why != "" {
			r.add(Note, without[c], job.Remedy, "the %s controller %s", c, why)
		} else {
			r.fine("the %s controller can be used", c)
		}
	}
}
