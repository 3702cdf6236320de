//go:build linux

package views

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"atoll/internal/errs"
)

// Types of memory.
const (
	Private = 0x20000
	Mapped  = 0x40000
)

// Info is what Query tells: of the pages from Base on, Size bytes, which are all the
// same.
type Info struct {
	Base, Size        uintptr
	AllocationBase    uintptr
	AllocationProtect Protection
	Protect           Protection // 0: not committed
	State, Type       uint32
}

// Query tells about the pages at an address, which may be any.
func Query(address uintptr) (Info, error) {
	if address >= top() {
		return Info{}, errs.Numbered(errs.InvalidParameter, nil, "no program has address %#x", address)
	}
	if r := enter(address); r != nil {
		defer r.Leave()
		return r.query(pageDown(address)), nil
	}
	return queryOthers(pageDown(address))
}

// addressSpace is how much there is for programs at most: what is no less is
// no address, and no length.
var addressSpace = func() uint64 {
	if runtime.GOARCH == "arm64" {
		return 1 << 48
	}
	return 1 << 47
}()

// top is where the addresses of programs end.
func top() uintptr {
	if strconv.IntSize < 64 {
		return pageDown(0xC0000000)
	}
	return pageDown(uintptr(addressSpace - 1))
}

func (r *region) query(at uintptr) Info {
	r.changing.Lock()
	defer r.changing.Unlock()
	first, end := r.look(at)
	for end < r.end() {
		next, further := r.look(end)
		if next != first {
			break
		}
		end = further
	}
	i := Info{
		Base: at, Size: end - at, AllocationBase: r.base, AllocationProtect: r.protect | r.modifier,
		Protect: first.protect, State: first.state, Type: Private,
	}
	if r.shows != nil {
		i.Type = Mapped
	}
	if i.Protect > NoAccess {
		i.Protect |= r.modifier
	}
	return i
}

// other is memory that somebody else in this process has mapped.
type other struct {
	from, to    uintptr
	permissions string
	file        bool
}

// queryOthers tells of what the kernel knows and we do not.
func queryOthers(at uintptr) (Info, error) {
	list, err := mapped()
	if err != nil {
		return Info{}, err
	}
	end := top()
	for _, m := range list {
		if m.from > at {
			end = min(end, m.from)
			break
		}
		if m.to > at {
			return m.query(at), nil
		}
	}
	return Info{Base: at, Size: end - at, State: Free, Protect: NoAccess}, nil
}

func (m other) query(at uintptr) Info {
	i := Info{Base: at, Size: m.to - at, AllocationBase: m.from, State: Commit, Type: Private, Protect: m.protection()}
	i.AllocationProtect = i.Protect
	switch {
	case m.file:
		i.Type = Mapped
	case i.Protect == NoAccess:
		i.State, i.Protect = Reserve, 0
	}
	return i
}

func (m other) protection() Protection {
	write, execute := m.permissions[1] == 'w', m.permissions[2] == 'x'
	copies := m.file && m.permissions[3] == 'p'
	switch {
	case write && execute && copies:
		return ExecuteWriteCopy
	case write && execute:
		return ExecuteReadWrite
	case write && copies:
		return WriteCopy
	case write:
		return ReadWrite
	case execute && m.permissions[0] == 'r':
		return ExecuteRead
	case execute:
		return Execute
	case m.permissions[0] == 'r':
		return ReadOnly
	}
	return NoAccess
}

// mapped lists what is mapped in this process, without what lies behind views and
// areas to keep others away: on Windows that is free.
func mapped() ([]other, error) {
	kept := rooms()
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var list []other
	for in := bufio.NewScanner(f); in.Scan(); {
		fields := strings.Fields(in.Text())
		m := other{}
		if len(fields) < 5 || len(fields[1]) < 4 {
			continue
		}
		if _, err := fmt.Sscanf(fields[0], "%x-%x", &m.from, &m.to); err != nil {
			continue
		}
		m.permissions, m.file = fields[1], fields[4] != "0"
		list = append(list, m.without(kept)...)
	}
	return list, nil
}

// rooms are the rests of the last 64 KiB of all views and areas.
func rooms() (kept spans[bool]) {
	regions.RLock()
	defer regions.RUnlock()
	for _, r := range regions.list {
		if r.size < r.room {
			kept = append(kept, span[bool]{r.end(), r.base + r.room, true})
		}
	}
	return kept
}

// without gives what is left of a mapping.
func (m other) without(kept spans[bool]) (rest []other) {
	for _, k := range kept.within(m.from, m.to) {
		if k.from > m.from {
			left := m
			left.to = k.from
			rest = append(rest, left)
		}
		m.from = k.to
	}
	if m.from < m.to {
		rest = append(rest, m)
	}
	return rest
}
