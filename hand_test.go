//go:build linux

package atoll

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/layout"
	"atoll/internal/testkit"
	"atoll/internal/wait"
)

// What the proofs have in common: processes that do what they are told, and that
// can be killed at an exact place.

// long says whether the proofs run at full length, which takes hours, or as long
// as CI waits for them.
func long() bool { return os.Getenv("ATOLL_PROOFS_LONG") == "1" }

// hand is one process's handles, by the names of their objects.
type hand struct {
	mutexes    map[string]*Mutex
	events     map[string]*Event
	semaphores map[string]*Semaphore
	timers     map[string]*Timer
}

func newHand() *hand {
	return &hand{
		mutexes: make(map[string]*Mutex), events: make(map[string]*Event),
		semaphores: make(map[string]*Semaphore), timers: make(map[string]*Timer),
	}
}

// handLimit is the most that the semaphores of hands count to.
const handLimit = 4

// handVerbs are the calls that a hand can make; name is what follows the verb.
var handVerbs = map[string]func(h *hand, name string) (answer string, err error){
	"mutex": func(h *hand, name string) (_ string, err error) {
		h.mutexes[name], _, err = CreateOrOpenMutex(name, MutexOptions{})
		return "", err
	},
	"auto": func(h *hand, name string) (_ string, err error) {
		h.events[name], _, err = CreateOrOpenEvent(name, EventOptions{})
		return "", err
	},
	"manual": func(h *hand, name string) (_ string, err error) {
		h.events[name], _, err = CreateOrOpenEvent(name, EventOptions{ManualReset: true})
		return "", err
	},
	"lock": func(h *hand, name string) (string, error) {
		previous, err := h.mutexes[name].Lock(context.Background())
		return abandonedText(previous), err
	},
	"trylock": func(h *hand, name string) (string, error) {
		ok, previous, err := h.mutexes[name].TryLock()
		return fmt.Sprintf(" %v%s", ok, abandonedText(previous)), err
	},
	"unlock": func(h *hand, name string) (string, error) { return "", h.mutexes[name].Unlock() },
	"set":    func(h *hand, name string) (string, error) { return "", h.events[name].Set() },
	"reset":  func(h *hand, name string) (string, error) { return "", h.events[name].Reset() },
	"wait":   func(h *hand, name string) (string, error) { return "", h.events[name].Wait(context.Background()) },
	"trywait": func(h *hand, name string) (string, error) {
		ok, err := h.events[name].TryWait()
		return fmt.Sprintf(" %v", ok), err
	},
	"close": func(h *hand, name string) (string, error) { return "", h.close(name) },
	"pulse": func(h *hand, name string) (string, error) { return "", h.events[name].Pulse() },
	"semaphore": func(h *hand, name string) (_ string, err error) {
		h.semaphores[name], _, err = CreateOrOpenSemaphore(name, SemaphoreOptions{Max: handLimit})
		return "", err
	},
	"release": func(h *hand, name string) (string, error) {
		_, err := h.semaphores[name].Release(1)
		return "", err
	},
	"timer": func(h *hand, name string) (_ string, err error) {
		h.timers[name], _, err = CreateOrOpenTimer(name, TimerOptions{})
		return "", err
	},
	"fire": func(h *hand, name string) (string, error) { return "", h.timers[name].SetAfter(0, 0) },
	// take waits for a semaphore or a timer.
	"take": func(h *hand, name string) (string, error) {
		if s := h.semaphores[name]; s != nil {
			return "", s.Wait(context.Background())
		}
		return "", h.timers[name].Wait(context.Background())
	},
	"any": func(h *hand, names string) (string, error) { return h.several(WaitAny, names) },
	"all": func(h *hand, names string) (string, error) { return h.several(WaitAll, names) },
}

// several waits for objects, whose names have commas between them.
func (h *hand) several(wait func(context.Context, ...Waitable) (Result, error), names string) (string, error) {
	var objects []Waitable
	for name := range strings.SplitSeq(names, ",") {
		objects = append(objects, h.find(name))
	}
	r, err := wait(context.Background(), objects...)
	return fmt.Sprintf(" %d%s", r.Index, abandonedText(r.Abandoned)), err
}

// handle is a handle of any object.
type handle interface {
	Waitable
	Close() error
}

func (h *hand) find(name string) handle {
	switch {
	case h.mutexes[name] != nil:
		return h.mutexes[name]
	case h.events[name] != nil:
		return h.events[name]
	case h.semaphores[name] != nil:
		return h.semaphores[name]
	}
	return h.timers[name]
}

func abandonedText(previous *Abandoned) string {
	if previous == nil {
		return ""
	}
	return " abandoned by " + strconv.Itoa(previous.PID)
}

// do makes one call: a verb and the name of an object.
func (h *hand) do(call string) (answer string, err error) {
	verb, name, _ := strings.Cut(call, " ")
	do := handVerbs[verb]
	if do == nil {
		return "", errors.New("a hand cannot " + verb)
	}
	return do(h, name)
}

func (h *hand) close(name string) error {
	object := h.find(name)
	delete(h.mutexes, name)
	delete(h.events, name)
	delete(h.semaphores, name)
	delete(h.timers, name)
	return object.Close()
}

func (h *hand) closeAll() (err error) {
	names := slices.Concat(slices.Collect(maps.Keys(h.mutexes)), slices.Collect(maps.Keys(h.events)),
		slices.Collect(maps.Keys(h.semaphores)), slices.Collect(maps.Keys(h.timers)))
	for _, name := range names {
		err = errors.Join(err, h.close(name))
	}
	return err
}

// markBegin and markEnd are the places between which a process is killed.
//
//go:noinline
func markBegin() { unix.Getppid() }

//go:noinline
func markEnd() { unix.Getppid() }

// The role: a line is a call, and is said again, with the answer, when the call
// has returned. "arm CALL" says the number of the thread that will make the call
// and waits for another line before it does, between the two marks.
//
// The calls are made by one thread, which is not the process's first: that one is
// for os/exec to wait for.
var _ = testkit.Role("hand", func(self *testkit.Self) {
	wait.SetTick(time.Hour) // so that no tick hides a lost wake-up
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		playHand(self)
		return
	}
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		playHand(self)
		close(done)
	}()
	<-done
})

func playHand(self *testkit.Self) {
	h := newHand()
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		call, armed := strings.CutPrefix(line, "arm ")
		if armed {
			self.Say("armed %d", unix.Gettid())
			self.Hear()
			markBegin()
		}
		answer, err := h.do(call)
		if armed {
			markEnd()
		}
		self.Must(err)
		self.Say("%s%s", call, answer)
	}
	self.Must(h.closeAll())
}

// startHand starts a hand that has made some calls. It has one processor: so it
// does not spin before it sleeps, which would be many moments that are all alike, but
// yields a time or two.
func startHand(t testing.TB, calls ...string) *testkit.Child {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, one unix.CPUSet
	must(t, unix.SchedGetaffinity(0, &all))
	for cpu, n := 0, rand.IntN(all.Count()); ; cpu++ {
		if all.IsSet(cpu) {
			if n == 0 {
				one.Set(cpu)
				break
			}
			n--
		}
	}
	must(t, unix.SchedSetaffinity(0, &one)) // children have what their parent's thread has
	defer func() { must(t, unix.SchedSetaffinity(0, &all)) }()
	cmd := testkit.Command("hand")
	// Nothing of Go's own between two instructions that can be avoided.
	cmd.Env = append(cmd.Env, "GOGC=off", "GODEBUG=asyncpreemptoff=1")
	c := testkit.StartCommand(t, cmd)
	for _, call := range calls {
		ask(t, c, call)
	}
	return c
}

// sleepsOnFutex says whether a thread sleeps on a word of shared memory. Go's own
// scheduler sleeps on private ones.
func sleepsOnFutex(pid int, tid string) bool {
	return sleepsInFutex(pid, tid) && taskState(pid, tid) == "S"
}

// taskState is the letter in /proc/PID/task/TID/stat: not "S" for a thread that a
// debugger has stopped at the door of a system call.
func taskState(pid int, tid string) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/stat", pid, tid))
	if _, after, ok := bytes.Cut(b, []byte(") ")); ok && len(after) > 0 {
		return string(after[:1])
	}
	return ""
}

// sleepsPrivately says whether a thread sleeps on a word of its own process, as
// Go's threads do that have nothing to do.
func sleepsPrivately(pid int, tid string) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/syscall", pid, tid))
	f := strings.Fields(string(b))
	return len(f) > 2 && f[0] == strconv.Itoa(unix.SYS_FUTEX) && f[2] == "0x80" && taskState(pid, tid) == "S"
}

func sleepsInFutex(pid int, tid string) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/syscall", pid, tid))
	if err != nil {
		return false
	}
	f := strings.Fields(string(b))
	switch f[0] {
	case strconv.Itoa(unix.SYS_FUTEX_WAITV):
		return true
	case strconv.Itoa(unix.SYS_FUTEX):
		return len(f) > 2 && f[2] == "0x0"
	}
	return false
}

// untilAsleep waits until a thread of a child sleeps for an object.
func untilAsleep(t testing.TB, children ...*testkit.Child) {
	t.Helper()
	for _, c := range children {
		until(t, "the child does not sleep", func() bool {
			tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", c.PID()))
			for _, task := range tasks {
				if sleepsOnFutex(c.PID(), task.Name()) {
					return true
				}
			}
			return false
		})
	}
}

// until waits until something is so, as long as it takes.
func until(t testing.TB, failure string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testkit.Hang); !so(); time.Sleep(50 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatal(failure)
		}
	}
}

// stateOf reads the state of an object from its file.
func stateOf(t testing.TB, name string) layout.State {
	t.Helper()
	file, err := os.Open(localFile(name))
	must(t, err)
	defer func() { _ = file.Close() }()
	var b [layout.StateOffset + 8]byte
	_, err = file.ReadAt(b[:], 0)
	must(t, err)
	state, _ := layout.GetState(b[:])
	return state
}

// sweepAll removes what the killed have left, and checks that no object is left
// but those in use.
func sweepAll(t testing.TB, inUse ...string) {
	t.Helper()
	_, err := Sweep(LocalScope)
	must(t, err)
	var left bytes.Buffer
	entries, err := os.ReadDir(localFile("."))
	if !errors.Is(err, fs.ErrNotExist) {
		must(t, err)
	}
	for _, e := range entries {
		if name := e.Name(); name != "members" && !strings.Contains(" "+strings.Join(inUse, " ")+" ", " "+name+" ") {
			fmt.Fprintln(&left, name)
		}
	}
	if left.Len() > 0 {
		t.Fatalf("left behind:\n%s", left.String())
	}
}
