//go:build linux && !race

package atoll

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/layout"
	"atoll/internal/testkit"
	"atoll/internal/wait"
)

// These tests are not in the race build: there each atomic operation is a call into
// the race detector, which is not written in Go, and a fault in it ends the program,
// guard or not.

// The role of a user with the right to write an object's file, who does to it what
// it is told: truncate FILE SIZE, hole FILE, scribble FILE until it hears a line.
var _ = testkit.Role("company.vandal", func(self *testkit.Self) {
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		words := strings.Split(line, "; ")
		f, err := os.OpenFile(words[1], os.O_RDWR, 0)
		self.Must(err)
		switch words[0] {
		case "truncate":
			size, err := strconv.ParseInt(words[2], 10, 64)
			self.Must(err)
			self.Must(f.Truncate(size))
		case "hole":
			self.Must(unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, layout.StateMapSize))
		case "scribble":
			self.Say("scribbling")
			stop := make(chan struct{})
			go func() { self.Hear(); close(stop) }()
			self.Must(scribble(f, stop))
		}
		self.Must(f.Close())
		self.Say("did it")
	}
})

// scribble writes random words over the state, small ones and states that are sound
// among them, as fast as it can.
func scribble(f *os.File, stop <-chan struct{}) error {
	page, err := unix.Mmap(int(f.Fd()), 0, layout.StateMapSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Munmap(page) }()
	state := unsafe.Slice((*atomic.Uint64)(unsafe.Pointer(&page[layout.StateOffset])), (layout.StateMapSize-layout.StateOffset)/8)
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		for range 1000 {
			at := rand.IntN(len(state))
			if rand.IntN(2) == 0 {
				at = rand.IntN(2) // the cell, and what is slept on
			}
			word := rand.Uint64() >> (8 * rand.IntN(8))
			if rand.IntN(2) == 0 {
				word &= 0x8000_0000_0000_0003
			}
			state[at].Store(word)
		}
	}
}

// The role of who has an object of somebody else under its hands when it is
// destroyed. Its arguments are what it does, the kind and the name, and what an agent
// can be told.
//
// It has two objects of its own beside it, which must come to no harm.
var _ = testkit.Role("company.victim", func(self *testkit.Self) {
	wait.SetTick(10 * time.Millisecond)
	wait.SetPatience(200 * time.Millisecond)
	setUp(self)
	v := victim{self: self, mode: self.Args[0]}
	var err error
	v.g, err = openGuest([]string{"open", self.Args[1], self.Args[2], "0"})
	self.Must(err)
	v.mutex, err = CreateMutex("own", MutexOptions{})
	self.Must(err)
	v.event, err = CreateEvent("never", EventOptions{})
	self.Must(err)
	v.own, err = CreateEvent("own event", EventOptions{ManualReset: true})
	self.Must(err)
	before := runtime.NumGoroutine()
	switch v.mode {
	case "asleep":
		v.asleep()
	case "busy":
		v.busy()
	}
	v.unharmed()
	err = v.g.Close()
	if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrStuck) {
		self.Must(err)
	}
	self.Must(errors.Join(v.mutex.Close(), v.event.Close(), v.own.Close()))
	// The ring of package park may have come meanwhile.
	for range 1000 {
		if runtime.NumGoroutine() <= before+2 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before+2 {
		self.Must(fmt.Errorf("%d goroutines, %d before", n, before))
	}
	left := slices.DeleteFunc(objectDescriptors(), func(path string) bool {
		// Who closes a mutex that is its own stays a member.
		return self.Args[1] == "mutex" && strings.Contains(path, "/members/")
	})
	if len(left) != 0 {
		self.Must(fmt.Errorf("descriptors are left: %q", left))
	}
	self.Say("closed")
	self.Hear()
})

type victim struct {
	self  *testkit.Self
	mode  string
	g     *guest
	mutex *Mutex
	event *Event // never signaled
	own   *Event
}

// several waits for the object in company of its own.
func (v *victim) several(ctx context.Context) map[string]func() error {
	return map[string]func() error{
		"any": func() error { _, err := WaitAny(ctx, v.event, v.g.waitable); return err },
		"all": func() error {
			_, err := WaitAll(ctx, v.mutex, v.g.waitable)
			if err == nil {
				return v.mutex.Unlock()
			}
			return err
		},
	}
}

// asleep has goroutines asleep in all ways when the object is lost: each must be
// told. Afterwards each call says so.
func (v *victim) asleep() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*testkit.Hang)
	defer cancel()
	results := make(chan string)
	sleepers := v.several(ctx)
	for i := range 6 {
		sleepers[fmt.Sprint("wait ", i)] = func() error { return v.g.do(ctx, "wait") }
	}
	for name, f := range sleepers {
		go func() { results <- name + ": " + spell(f()) }()
	}
	v.self.Say("asleep")
	for range sleepers {
		if line := <-results; !strings.Contains(line, ": 1392, ") || !strings.Contains(line, "truncated") {
			v.self.Must(fmt.Errorf("a sleeper says %q", line))
		}
	}
	for name := range v.g.calls {
		if err := v.g.do(ctx, name); !errors.Is(err, ErrCorrupt) {
			if errors.Is(err, ErrNotOwner) {
				continue
			}
			v.self.Must(fmt.Errorf("%s says %w", name, err))
		}
	}
	v.self.Say("told")
}

// busy has goroutines in all calls all the time, until it hears a line; the results
// do not matter.
func (v *victim) busy() {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	calls := v.several(ctx)
	for name, f := range v.g.calls {
		calls[name] = func() error {
			ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			return f(ctx)
		}
	}
	done := make(map[string]*atomic.Int64) // of each call, how often it has returned
	for name, f := range calls {
		count := new(atomic.Int64)
		done[name] = count
		all.Go(func() {
			for ctx.Err() == nil {
				err := f()
				count.Add(1)
				switch e := (*Error)(nil); {
				case err == nil, errors.Is(err, errNot), errors.As(err, &e):
				case ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded):
					v.self.Must(fmt.Errorf("%s says %w", name, err))
				}
				runtime.Gosched()
			}
		})
	}
	v.self.Say("busy")
	for line, _ := v.self.Hear(); line == "go on"; line, _ = v.self.Hear() {
		for name, count := range done {
			if name == "any" || name == "all" { // these have no limit
				continue
			}
			for seen := count.Load(); count.Load() < seen+3; {
				time.Sleep(time.Millisecond)
			}
		}
		v.unharmed()
		v.self.Say("go on")
	}
	cancel()
	all.Wait()
	v.self.Say("done")
}

// unharmed uses what is its own.
func (v *victim) unharmed() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*testkit.Hang)
	defer cancel()
	_, err := v.mutex.Lock(ctx)
	v.self.Must(err)
	v.self.Must(errors.Join(v.mutex.Unlock(), v.own.Set(), v.own.Wait(ctx)))
	_, err = WaitAll(ctx, v.mutex, v.own)
	v.self.Must(err)
	v.self.Must(v.mutex.Unlock())
}

// crime is one object of ann's, with ben at work on it, whom cal wants to hurt.
type crime struct {
	a, b, c *testkit.Child
	name    string
	path    string
}

func newCrime(t *testing.T, base string, a, c *testkit.Child, kind, mode string, setup ...string) *crime {
	t.Helper()
	name := `Global\` + kind
	tells(t, a, "create; "+kind+"; "+name+"; 0666", "done")
	if kind == "mutex" && mode == "asleep" {
		tells(t, a, name+"; wait", "done")
	}
	return &crime{
		a: a, c: c, name: name, path: filepath.Join(base, "atoll", kind),
		b: asUser(t, ben, base, "company.victim", append([]string{mode, kind, name}, setup...)...),
	}
}

func (c *crime) close(t *testing.T) {
	t.Helper()
	c.b.Expect("closed")
	c.b.End()
	c.a.Tell("%s; close", c.name)
	if line := c.a.Line(); !strings.Contains(line, ": done") && !strings.Contains(line, ": 1392, ") && !strings.Contains(line, ": 170, ") {
		t.Error(line)
	}
	_ = os.Remove(c.path)
}

// Somebody truncates an object under those who sleep for it, in each way in which
// they can sleep: all are told, the calls that follow are, what is waited for
// together with it goes on, and nobody dies.
func TestTruncatedUnderSleepers(t *testing.T) {
	base := company(t)
	a, c := asUser(t, ann, base, "company"), asUser(t, cal, base, "company.vandal")
	for _, way := range []string{"way=io_uring", "way=futex_waitv", "way=threads", "waitv=off"} {
		for _, kind := range companyKinds {
			t.Run(kind+" "+way, func(t *testing.T) {
				x := newCrime(t, base, a, c, kind, "asleep", way)
				x.b.Expect("asleep")
				x.b.Silent()
				c.Tell("truncate; %s; 0", x.path)
				c.Expect("did it")
				x.b.Expect("told")
				x.close(t)
			})
		}
	}
	a.End()
	c.End()
}

// An object is truncated, has holes made in it, and is written over, at any moment
// of all calls on it.
func TestVandalsAtWork(t *testing.T) {
	base := company(t)
	a, c := asUser(t, ann, base, "company"), asUser(t, cal, base, "company.vandal")
	for _, kind := range companyKinds {
		for _, crime := range slices.Repeat([]string{"truncate; %s; 0", "truncate; %s; 2048", "truncate; %s; 600", "truncate; %s; 4097", "hole; %s", "scribble; %s"}, scaled(4)) {
			t.Run(kind+" "+strings.ReplaceAll(crime, "; %s", ""), func(t *testing.T) {
				x := newCrime(t, base, a, c, kind, "busy")
				x.b.Expect("busy")
				c.Tell(crime, x.path)
				if strings.HasPrefix(crime, "scribble") {
					c.Expect("scribbling")
					for range 3 {
						x.b.Tell("go on") // each call ends, again and again, whatever is written
						x.b.Expect("go on")
					}
					c.Tell("stop")
				}
				c.Expect("did it")
				if strings.HasPrefix(crime, "truncate") { // and back again
					c.Tell("truncate; %s; %d", x.path, layout.StateMapSize)
					c.Expect("did it")
				}
				x.b.Tell("end")
				x.b.Expect("done")
				x.close(t)
			})
		}
	}
	a.End()
	c.End()
}

// A section of one user is truncated by another under a third: what reads its view
// under a guard gets an error, and the process goes on.
func TestTruncatedSectionOfAnother(t *testing.T) {
	base := company(t)
	a, b, c := asUser(t, ann, base, "company"), asUser(t, ben, base, "company"), asUser(t, cal, base, "company.vandal")
	tells(t, a, `create; section; Global\s; 0666`, "done")
	tells(t, b, `open; section; Global\s; 0`, "done")
	path := filepath.Join(base, "atoll", "s")
	st, err := os.Stat(path)
	must(t, err)
	for _, size := range []int64{0, st.Size() / 2, st.Size() - 4096} {
		c.Tell("truncate; %s; %d", path, size)
		c.Expect("did it")
		for _, u := range []*testkit.Child{a, b} {
			tells(t, u, `Global\s; read`, "999")
			tells(t, u, `Global\s; guard`, "999")
		}
		c.Tell("truncate; %s; %d", path, st.Size())
		c.Expect("did it")
		for _, u := range []*testkit.Child{a, b} {
			tells(t, u, `Global\s; read`, "done")
			tells(t, u, `Global\s; guard`, "done")
		}
	}
	tells(t, b, `Global\s; close`, "done")
	tells(t, a, `Global\s; close`, "done")
	for _, u := range []*testkit.Child{a, b, c} {
		u.End()
	}
	if left := testkit.Objects(base); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}
