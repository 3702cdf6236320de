//go:build linux && !race

package atoll

import (
	"errors"
	"os/exec"
	"testing"

	"atoll/internal/testkit"
)

// A process that takes more than its own limit cannot allocate it. The race detector's
// own memory is more than any such limit: a program that is built with it does not
// begin, so this file is left out there.
func TestJobProcessMemory(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		j := newTestJob(t, "", JobOptions{Limits: JobLimits{ProcessMemory: 100 << 20}})
		cmd := testkit.Command("job-hog")
		cmd.Stderr = nil
		err := run(t, j, cmd)
		if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != 2 { // Go's, out of memory
			t.Errorf("it ended with %v", err)
		}
	})
}
