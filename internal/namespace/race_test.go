//go:build linux

package namespace

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

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

var _ = testkit.Role("rounds", func(self *testkit.Self) {
	d, err := OpenDir(self.Args[0], Local)
	self.Must(err)
	rounds, err := strconv.Atoi(self.Args[1])
	self.Must(err)
	for _, n := range self.Args[2:] {
		self.Must(d.round(local(n)))
	}
	self.Say("ready")
	self.Hear()
	for i := range rounds {
		if err := d.round(local(self.Args[2+i%len(self.Args[2:])])); err != nil {
			self.Must(fmt.Errorf("round %d: %w", i, err))
		}
	}
	self.Say("done")
	self.Hear()
})

// rounds starts processes that create or open, look at and close the names given,
// all at once, and waits until they are done.
func rounds(t *testing.T, base string, processes, count int, names ...string) {
	t.Helper()
	var children []*testkit.Child
	for range processes {
		children = append(children, testkit.Start(t, "rounds", append([]string{base, strconv.Itoa(count)}, names...)...))
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
}

// The last close races with open: whoever opens gets the old object or a new one,
// never one that is already destroyed.
func TestLastCloseRacesOpen(t *testing.T) {
	d, base := newDir(t)
	rounds(t, base, 2, scaled(100000), "x")
	empty(t, d)
}

func TestManyProcessesOneName(t *testing.T) {
	d, base := newDir(t)
	rounds(t, base, 64, scaled(200), "x")
	empty(t, d)
}

func TestManyGoroutinesEightNames(t *testing.T) {
	d, base := newDir(t)
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	other := testkit.Start(t, "rounds", append([]string{base, strconv.Itoa(scaled(5000))}, names...)...)
	other.Expect("ready")
	other.Tell("go")
	var all sync.WaitGroup
	failures := make(chan error, 100)
	for i := range 100 {
		all.Go(func() {
			for j := range scaled(100) {
				if err := d.round(local(names[(i+j)%len(names)])); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	other.Expect("done")
	other.End()
	empty(t, d)
	if len(d.held) != 0 {
		t.Errorf("%d objects are still entered", len(d.held))
	}
}

// Creates that must create: of many at once exactly one wins, as long as it holds.
func TestOnlyOneCreates(t *testing.T) {
	d, base := newDir(t)
	dirs := []*Dir{d, openDir(t, base, Local), openDir(t, base, Local), openDir(t, base, Local)}
	for range scaled(500) {
		objects := make([]*Object, len(dirs))
		var all sync.WaitGroup
		for i, d := range dirs {
			all.Go(func() {
				o, err := d.create(local("x"))
				if err != nil && !errors.Is(err, fs.ErrExist) {
					t.Error(err)
				}
				objects[i] = o
			})
		}
		all.Wait()
		won := 0
		for _, o := range objects {
			if o != nil {
				won++
				must(t, o.sound())
				must(t, o.DropHandle())
			}
		}
		if won != 1 {
			t.Fatalf("%d creates won", won)
		}
	}
	empty(t, d)
}

var _ = testkit.Role("until-killed", func(self *testkit.Self) {
	d, err := OpenDir(self.Args[0], Local)
	self.Must(err)
	self.Say("ready")
	for {
		name := local(self.Args[1+rand.IntN(len(self.Args)-1)])
		switch rand.IntN(10) {
		case 0:
			_, err = d.Sweep()
		case 1:
			err = litter(d, name)
			if errors.Is(err, fs.ErrExist) {
				err = nil
			}
		default:
			err = d.round(name)
		}
		self.Must(err)
	}
})

// Processes are killed at random while they create, open, close and sweep; those
// that live see nothing but whole objects.
func TestRandomKills(t *testing.T) {
	d, base := newDir(t)
	names := []string{"a", "b", "c"}
	survivor := testkit.Start(t, "rounds", append([]string{base, strconv.Itoa(scaled(20000))}, names...)...)
	survivor.Expect("ready")
	survivor.Tell("go")
	const width = 4
	var victims [width]*testkit.Child
	for i := range scaled(200) {
		v := &victims[i%width]
		if *v != nil {
			(*v).Kill()
		}
		*v = testkit.Start(t, "until-killed", append([]string{base}, names...)...)
		(*v).Expect("ready")
	}
	survivor.Expect("done")
	survivor.End()
	for _, v := range victims {
		v.Kill()
	}
	for _, name := range names {
		_, err := d.Open(local(name))
		contains(t, err, fs.ErrNotExist)
	}
	_, err := d.Sweep()
	must(t, err)
	empty(t, d)
}

// Of several that close last at the same time, one removes the name: when all
// have returned, it is free.
func TestLastClosersAtOnce(t *testing.T) {
	d, base := newDir(t)
	dirs := []*Dir{d, openDir(t, base, Local), openDir(t, base, Local)}
	for i := range scaled(5000) {
		var all sync.WaitGroup
		start := make(chan struct{})
		for _, d := range dirs[:2+i%2] {
			o, _, err := d.obtain(local("x"))
			must(t, err)
			all.Go(func() {
				<-start
				if err := o.DropHandle(); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		all.Wait()
		if left := files(t, d); len(left) != 0 {
			t.Fatalf("round %d: nobody removed %q", i, left)
		}
	}
}

// Goroutines of one process that open an object at once share one description,
// and each has a handle that counts.
func TestOpenedAtOnce(t *testing.T) {
	d, base := newDir(t)
	holder := openDir(t, base, Local)
	for range scaled(500) {
		first, err := holder.create(local("x"))
		must(t, err)
		var all sync.WaitGroup
		var objects [8]*Object
		for i := range objects {
			all.Go(func() {
				o, err := d.Open(local("x"))
				if err != nil {
					t.Error(err)
				}
				objects[i] = o
			})
		}
		all.Wait()
		must(t, first.DropHandle())
		for _, o := range objects {
			if o != objects[0] {
				t.Fatal("a process has two descriptions of one object")
			}
			must(t, o.sound())
			must(t, o.DropHandle())
		}
		empty(t, d)
	}
}
