//go:build linux

package atoll

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"atoll/internal/check"
	"atoll/internal/testkit"
)

// scaled is a number of rounds, a fifth of it under the race detector, or a tenth
// with -short.
func scaled(n int) int {
	switch {
	case testing.Short():
		return max(n/10, 1)
	case check.Race:
		return max(n/5, 1)
	}
	return n
}

var eightNames = []string{"a", "b", "c", "d", "e", "f", "g", "日/h"}

// churn creates or opens an object of any type under one of eight names, uses it
// a little, and closes it. Another type may have the name: that is no failure.
func churn() error {
	k, name := kinds[rand.IntN(len(kinds))], eightNames[rand.IntN(len(eightNames))]
	o, _, err := k.createOrOpen(name)
	if errors.Is(err, ErrWrongType) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := use(o); err != nil {
		return errors.Join(fmt.Errorf("%s %q: %w", k.typ, name, err), o.Close())
	}
	return o.Close()
}

func use(o Object) error {
	switch o := o.(type) {
	case *Mutex:
		ok, _, err := o.TryLock()
		if ok {
			err = o.Unlock()
		}
		return err
	case *Event:
		return o.Set()
	case *Section:
		v, err := o.Map(0, 0, 0)
		if err != nil {
			return err
		}
		// Every word is 0 or the number of a process that wrote it.
		p, err := At[int64](v, 8*int64(rand.IntN(512)))
		if err == nil && (*p < 0 || *p > 1<<22) {
			err = fmt.Errorf("bytes of something else: %#x", *p)
		}
		if err == nil {
			*p = int64(os.Getpid())
		}
		return errors.Join(err, v.Close())
	}
	return nil
}

var _ = testkit.Role("names.churn", func(self *testkit.Self) {
	self.Say("ready")
	for {
		self.Must(churn())
	}
})

var _ = testkit.Role("names.churn-to-the-end", func(self *testkit.Self) {
	self.Say("ready")
	done := make(chan struct{})
	go func() { self.Hear(); close(done) }()
	rounds := 0
	for ; ; rounds++ {
		select {
		case <-done:
			self.Say("done")
			return
		default:
			self.Must(churn())
		}
	}
})

// 1,000 processes are killed at random while they create, open, map and close the
// same eight names; one lives through all of it. Afterwards no name exists, and
// after a sweep no file.
func TestThousandKills(t *testing.T) {
	survivor := testkit.Start(t, "names.churn-to-the-end")
	survivor.Expect("ready")
	var crowd sync.WaitGroup
	next := make(chan int)
	for range 8 {
		crowd.Go(func() {
			for range next {
				cmd := testkit.Command("names.churn")
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Error(err)
					continue
				}
				if err := cmd.Start(); err != nil {
					t.Error(err)
					continue
				}
				// It says that it is ready, and nothing more unless it fails.
				text := make([]byte, 4096)
				n, _ := out.Read(text)
				time.Sleep(time.Duration(rand.IntN(5000)) * time.Microsecond)
				_ = cmd.Process.Kill()
				for {
					m, err := out.Read(text[n:])
					if n += m; err != nil || n == len(text) {
						break
					}
				}
				if s := string(text[:n]); s != "ready\n" {
					t.Errorf("a process said %q", s)
				}
				_ = cmd.Wait()
			}
		})
	}
	for i := range scaled(1000) {
		next <- i
	}
	close(next)
	crowd.Wait()
	survivor.Tell("end")
	survivor.Expect("done")
	survivor.End()
	for _, k := range kinds {
		for _, name := range eightNames {
			refused(t, 2, fs.ErrNotExist)(k.open(name))
		}
	}
	removed, err := Sweep(LocalScope)
	must(t, err)
	if left := testkit.Objects(testkit.Base()); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
	t.Logf("swept %d", removed)
}

// Many goroutines of one process and another process open and close the same
// names: no error but the defined ones, and in the end nothing is left.
func TestManyGoroutinesSameNames(t *testing.T) {
	other := testkit.Start(t, "names.churn-to-the-end")
	other.Expect("ready")
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			for range scaled(50) {
				if err := churn(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	other.Tell("end")
	other.Expect("done")
	other.End()
	for _, k := range kinds {
		for _, name := range eightNames {
			refused(t, 2, fs.ErrNotExist)(k.open(name))
		}
	}
	if left := testkit.Objects(testkit.Base()); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// One handle closed by many goroutines: one closes it, all others are told.
func TestClosedByMany(t *testing.T) {
	all(t, func(t *testing.T, k kind, name string) {
		for range scaled(100) {
			o, err := k.create(name)
			must(t, err)
			other := made(t)(k.open(name))
			var group sync.WaitGroup
			var closed sync.Map
			for i := range 10 {
				group.Go(func() {
					if err := o.Close(); err == nil {
						closed.Store(i, true)
					} else if !errors.Is(err, os.ErrClosed) {
						t.Error(err)
					}
				})
			}
			group.Wait()
			n := 0
			closed.Range(func(any, any) bool { n++; return true })
			if n != 1 {
				t.Fatalf("%d of 10 closed it", n)
			}
			must(t, made(t)(k.open(name)).Close()) // the other handle was not touched
			must(t, other.Close())
			refused(t, 2, fs.ErrNotExist)(k.open(name))
		}
	})
}

var _ = testkit.Role("names.descriptors", func(self *testkit.Self) {
	for _, target := range testkit.Descriptors() {
		if strings.Contains(target, self.Args[0]) || strings.Contains(target, "memfd") {
			self.Say("has %s", target)
		}
	}
	self.Say("done")
	self.Hear()
})

// A child has none of our descriptors, whenever it is started.
func TestChildrenInheritNothing(t *testing.T) {
	var held []Object
	for _, k := range kinds {
		held = append(held, made(t)(k.create("held "+k.typ.String())), made(t)(k.create("")))
	}
	done := make(chan struct{})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					if err := churn(); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for range scaled(200) {
		out, err := testkit.Command("names.descriptors", testkit.Base()).Output()
		if string(out) != "done\n" || err != nil {
			t.Errorf("%q, %v", out, err)
			break
		}
	}
	close(done)
	group.Wait()
	for _, o := range held {
		must(t, o.Close())
	}
}

// A child started and left alone does not keep an object alive.
func TestChildrenKeepNothingAlive(t *testing.T) {
	all(t, func(t *testing.T, k kind, name string) {
		o := made(t)(k.create(name))
		child := testkit.Start(t, "names.descriptors", testkit.Base())
		child.Expect("done")
		must(t, o.Close())
		refused(t, 2, fs.ErrNotExist)(k.open(name))
		child.End()
	})
}

var _ = testkit.Role("names.exec", func(self *testkit.Self) {
	for _, k := range kinds {
		_, err := k.create("exec " + k.typ.String())
		self.Must(err)
	}
	s, err := CreateSection("exec viewed", SectionOptions{Size: 4096})
	self.Must(err)
	_, err = s.Map(0, 0, 0)
	self.Must(err)
	self.Say("held")
	self.Hear()
	self.Must(os.Setenv("ATOLL_TEST_ROLE", "names.descriptors"))
	self.Must(syscall.Exec("/proc/self/exe", []string{"again", testkit.Base()}, os.Environ()))
})

// A process that executes another program has let go of everything.
func TestExecDropsHandles(t *testing.T) {
	child := testkit.Start(t, "names.exec")
	child.Expect("held")
	for _, k := range kinds {
		must(t, made(t)(k.open("exec "+k.typ.String())).Close())
	}
	child.Tell("exec")
	child.Expect("done")
	for _, k := range kinds {
		refused(t, 2, fs.ErrNotExist)(k.open("exec " + k.typ.String()))
	}
	refused(t, 2, fs.ErrNotExist)(sections.open("exec viewed"))
	child.End()
}

var _ = testkit.Role("names.ends", func(self *testkit.Self) {
	for _, k := range kinds {
		_, err := k.create("ends " + k.typ.String())
		self.Must(err)
	}
	self.Say("held")
	self.Hear()
	switch self.Args[0] {
	case "exit":
		os.Exit(7)
	case "panic":
		os.Stderr = nil
		_ = syscall.Close(2)
		panic("as it should")
	case "signal":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		select {}
	}
})

// A process that ends without Close, however, has closed its handles.
func TestEndWithoutClose(t *testing.T) {
	for _, how := range []string{"exit", "panic", "signal", "kill", "return"} {
		t.Run(how, func(t *testing.T) {
			cmd := testkit.Command("names.ends", how)
			cmd.Stderr = nil
			child := testkit.StartCommand(t, cmd)
			child.Expect("held")
			if how == "kill" {
				child.Kill()
			} else {
				child.Tell("end")
				_ = child.Wait()
			}
			for _, k := range kinds {
				refused(t, 2, fs.ErrNotExist)(k.open("ends " + k.typ.String()))
				must(t, made(t)(k.create("ends "+k.typ.String())).Close())
			}
		})
	}
}

var _ = testkit.Role("names.open-and-close", func(self *testkit.Self) {
	rounds, err := strconv.Atoi(self.Args[1])
	self.Must(err)
	for _, k := range kinds {
		if k.typ.String() != self.Args[0] {
			continue
		}
		self.Say("ready")
		self.Hear()
		for range rounds {
			o, _, err := k.createOrOpen("one")
			self.Must(err)
			self.Must(use(o))
			self.Must(o.Close())
		}
	}
	self.Say("done")
	self.Hear()
})

// 64 processes open and close the same name.
func TestManyProcessesOneName(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.typ.String(), func(t *testing.T) {
			var children []*testkit.Child
			for range 64 {
				children = append(children, testkit.Start(t, "names.open-and-close", k.typ.String(), strconv.Itoa(scaled(200))))
			}
			for _, c := range children {
				c.Expect("ready")
			}
			for _, c := range children {
				c.Tell("go")
			}
			for _, c := range children {
				c.Expect("done")
				c.End()
			}
			refused(t, 2, fs.ErrNotExist)(k.open("one"))
			if left := testkit.Objects(testkit.Base()); len(left) != 0 {
				t.Errorf("%v are left", left)
			}
		})
	}
}
