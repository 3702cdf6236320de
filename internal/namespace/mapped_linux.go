package namespace

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// overflow is the id that files show whose user or group is not mapped into this
// process's user namespace.
var overflow = map[string]func() uint64{"uid": overflowOf("uid"), "gid": overflowOf("gid")}

func overflowOf(which string) func() uint64 {
	return sync.OnceValue(func() uint64 {
		text, err := os.ReadFile("/proc/sys/kernel/overflow" + which)
		id, e := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
		if err != nil || e != nil {
			return 65534
		}
		return id
	})
}

// Mapped says whether an id that a file shows is that id, and not what a user
// namespace shows for all that it does not know. which is "uid" or "gid".
func Mapped(which string, id uint32) bool {
	if uint64(id) != overflow[which]() {
		return true
	}
	text, err := os.ReadFile("/proc/self/" + which + "_map")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		var inside, outside, count uint64
		if _, err := fmt.Sscan(line, &inside, &outside, &count); err == nil && uint64(id) >= inside && uint64(id) < inside+count {
			return true
		}
	}
	return false
}
