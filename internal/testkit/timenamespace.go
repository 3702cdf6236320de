//go:build linux

package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// aheadVariable is set for a child that is to run in a time namespace of its own.
const aheadVariable = "ATOLL_TEST_CLOCK_AHEAD"

// AheadInTime makes a command of Command run in a time namespace of its own, whose
// monotonic clock is ahead of this one's. It needs root and Linux 6.2, where a
// process enters the namespace that it has made by executing a program.
func AheadInTime(cmd *exec.Cmd, ahead time.Duration) {
	cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", aheadVariable, int64(ahead/time.Second)))
}

// The offsets in /proc are those of the main thread, on which init runs.
func init() {
	ahead := os.Getenv(aheadVariable)
	if ahead == "" {
		return
	}
	if err := moveInTime(ahead); err != nil {
		fmt.Println("FAILED: time namespace:", err)
		os.Exit(3)
	}
}

// moveInTime executes this program again, in a new namespace.
func moveInTime(ahead string) error {
	if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
		return err
	}
	offset := fmt.Sprintf("monotonic %s 0\n", ahead)
	if err := os.WriteFile("/proc/self/timens_offsets", []byte(offset), 0); err != nil {
		return err
	}
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, aheadVariable+"=") {
			env = append(env, v)
		}
	}
	return syscall.Exec("/proc/self/exe", os.Args, env)
}
