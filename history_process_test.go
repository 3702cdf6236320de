//go:build linux

package atoll

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/anishathalye/porcupine"
	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
	"atoll/internal/wait"
)

// historyRecord is a call as its process writes it down: into a file that is
// mapped, so that what was written survives any kill, and with the times of
// CLOCK_MONOTONIC, which is one clock for all processes.
type historyRecord struct {
	deed     deed
	object   int32
	ok       int32
	previous int32        // pid of who abandoned the mutex
	from     atomic.Int64 // 0: there is no such record
	to       atomic.Int64 // 0: it has not returned
}

const historyRecords = 1 << 12

// mapHistory maps the file of one process's records, which is all zero at first.
func mapHistory(path string) (records []historyRecord, unmap func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	size := historyRecords * int(unsafe.Sizeof(historyRecord{}))
	if err := f.Truncate(int64(size)); err != nil {
		return nil, nil, err
	}
	b, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return unsafe.Slice((*historyRecord)(unsafe.Pointer(&b[0])), historyRecords), func() error { return unix.Munmap(b) }, nil
}

func monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err)
	}
	return ts.Nano()
}

// historian is a process that makes calls and writes them down.
type historian struct {
	*testkit.Self
	records []historyRecord
	random  *rand.Rand
	prefix  string
	kinds   string
	hot     bool // no call waits, and most are about one object
	mutexes map[int]*Mutex
	events  map[int]*Event
	counts  map[int]*Semaphore
	owned   map[int]bool
}

// The role: its argument is the file; "play PREFIX KINDS HOT START SEED CALLS"
// makes a history, beginning when the clock says START, after which it says "played".
var _ = testkit.Role("historian", func(self *testkit.Self) {
	wait.SetTick(20 * time.Millisecond)
	records, unmap, err := mapHistory(self.Args[0])
	self.Must(err)
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		h := &historian{Self: self, records: records, mutexes: make(map[int]*Mutex), events: make(map[int]*Event), counts: make(map[int]*Semaphore), owned: make(map[int]bool)}
		var seed uint64
		var start int64
		var calls int
		_, err := fmt.Sscanf(line, "play %s %s %t %d %d %d", &h.prefix, &h.kinds, &h.hot, &start, &seed, &calls)
		self.Must(err)
		h.random = rand.New(rand.NewPCG(seed, 0))
		self.Must(h.open())
		for left := start - monotonic(); left > 0; left = start - monotonic() {
			time.Sleep(time.Duration(left - int64(100*time.Microsecond))) // and then without sleep
		}
		for range calls {
			h.deedAtRandom()
		}
		h.closeAll()
		self.Say("played")
	}
	self.Must(unmap())
})

func (h *historian) open() (err error) {
	for i, kind := range h.kinds {
		name := fmt.Sprintf("%s-%d", h.prefix, i)
		switch kind {
		case 'M':
			h.mutexes[i], _, err = CreateOrOpenMutex(name, MutexOptions{})
		case 'S':
			h.counts[i], _, err = CreateOrOpenSemaphore(name, SemaphoreOptions{Max: handLimit})
		default:
			h.events[i], _, err = CreateOrOpenEvent(name, EventOptions{ManualReset: kind == 'H'})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *historian) closeAll() {
	for i, m := range h.mutexes {
		h.write(deedClose, i, func() (historyAnswer, error) { return yes, m.Close() })
	}
	for _, e := range h.events {
		h.Must(e.Close())
	}
	for _, s := range h.counts {
		h.Must(s.Close())
	}
}

// write makes a call and writes down when it began, when it ended, and what it
// answered; previous is a pid.
func (h *historian) write(d deed, object int, call func() (historyAnswer, error)) historyAnswer {
	r := &h.records[0]
	h.records = h.records[1:]
	r.deed, r.object = d, int32(object)
	r.from.Store(monotonic())
	answer, err := call()
	to := monotonic()
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, ErrTooManyPosts) {
		answer, err = no, nil
	}
	h.Must(err)
	if answer.ok {
		r.ok = 1
	}
	r.previous = int32(answer.previous)
	r.to.Store(to)
	return answer
}

// deedAtRandom makes a call on one of the objects.
func (h *historian) deedAtRandom() {
	if h.random.IntN(5) == 0 {
		h.allDeed()
		return
	}
	i := h.random.IntN(len(h.kinds))
	if h.hot && h.random.IntN(3) > 0 {
		i = 0
	}
	switch h.kinds[i] {
	case 'M':
		h.mutexDeed(i)
	case 'S':
		h.countDeed(i)
	default:
		h.eventDeed(i)
	}
}

func (h *historian) someTime() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Duration(h.random.IntN(1500))*time.Microsecond)
}

func taken(ok bool, previous *Abandoned, err error) (historyAnswer, error) {
	a := historyAnswer{ok: ok && err == nil}
	if previous != nil {
		a.previous = previous.PID
	}
	return a, err
}

func (h *historian) mutexDeed(i int) {
	m := h.mutexes[i]
	switch {
	case h.owned[i]:
		h.write(deedUnlock, i, func() (historyAnswer, error) { return yes, m.Unlock() })
		h.owned[i] = false
	case h.hot || h.random.IntN(3) == 0:
		h.owned[i] = h.write(deedTryLock, i, func() (historyAnswer, error) { return taken(m.TryLock()) }).ok
	default:
		ctx, cancel := h.someTime()
		defer cancel()
		h.owned[i] = h.write(deedLock, i, func() (historyAnswer, error) {
			previous, err := m.Lock(ctx)
			return taken(true, previous, err)
		}).ok
	}
}

func (h *historian) eventDeed(i int) {
	e := h.events[i]
	deeds := []deed{deedSet, deedSet, deedReset, deedTryWait, deedWait, deedWait}
	if h.hot {
		deeds = []deed{deedSet, deedSet, deedSet, deedReset, deedTryWait, deedTryWait, deedTryWait}
	}
	switch d := deeds[h.random.IntN(len(deeds))]; d {
	case deedSet:
		h.write(deedSet, i, func() (historyAnswer, error) { return yes, e.Set() })
	case deedReset:
		h.write(deedReset, i, func() (historyAnswer, error) { return yes, e.Reset() })
	case deedTryWait:
		h.write(deedTryWait, i, func() (historyAnswer, error) {
			ok, err := e.TryWait()
			return historyAnswer{ok: ok}, err
		})
	default:
		ctx, cancel := h.someTime()
		defer cancel()
		h.write(deedWait, i, func() (historyAnswer, error) { return yes, e.Wait(ctx) })
	}
}

func (h *historian) countDeed(i int) {
	s := h.counts[i]
	switch d := h.random.IntN(4); {
	case d < 2:
		h.write(deedRelease, i, func() (historyAnswer, error) {
			previous, err := s.Release(1)
			return before(int(previous)), err
		})
	case d == 2 || h.hot:
		h.write(deedTryWait, i, func() (historyAnswer, error) {
			ok, err := s.TryWait()
			return historyAnswer{ok: ok}, err
		})
	default:
		ctx, cancel := h.someTime()
		defer cancel()
		h.write(deedWait, i, func() (historyAnswer, error) { return yes, s.Wait(ctx) })
	}
}

// allDeed waits for several of the objects, but none that it owns.
func (h *historian) allDeed() {
	var objects []Waitable
	var which []int
	mask := 0
	for i, kind := range h.kinds {
		if h.owned[i] || len(objects) == 3 || h.random.IntN(2) == 0 {
			continue
		}
		switch which, mask = append(which, i), mask|1<<i; kind {
		case 'M':
			objects = append(objects, h.mutexes[i])
		case 'S':
			objects = append(objects, h.counts[i])
		default:
			objects = append(objects, h.events[i])
		}
	}
	if len(objects) == 0 {
		return
	}
	ctx, cancel := h.someTime()
	if h.hot {
		cancel()
	}
	defer cancel()
	answer := h.write(deedAll, mask, func() (historyAnswer, error) {
		r, err := WaitAll(ctx, objects...)
		return taken(true, r.Abandoned, err)
	})
	for _, i := range which {
		h.owned[i] = h.owned[i] || answer.ok && h.mutexes[i] != nil
	}
}

// historyClient is the test's side of a historian.
type historyClient struct {
	child   *testkit.Child
	records []historyRecord
	unmap   func() error
	// When it was killed, if it was: after from and before to.
	killed   bool
	from, to int64
}

// historyStage is where histories are made: processes, of which some are killed
// and replaced.
type historyStage struct {
	t       *testing.T
	files   int
	clients []*historyClient
	// What there was in all histories, to see that they are worth checking.
	calls, cutOff, kills, told, together int
}

func (s *historyStage) newClient() *historyClient {
	s.t.Helper()
	s.files++
	path := filepath.Join(s.t.TempDir(), "history-"+strconv.Itoa(s.files))
	c := &historyClient{}
	var err error
	c.records, c.unmap, err = mapHistory(path)
	must(s.t, err)
	c.child = testkit.Start(s.t, "historian", path)
	return c
}

func (c *historyClient) kill() {
	c.killed = true
	c.from = monotonic()
	c.child.Kill()
	c.to = monotonic()
}

// history makes one history and returns it, as porcupine has it.
func (s *historyStage) history(name, kinds string, hot bool) []porcupine.Operation {
	s.t.Helper()
	processes, calls := 4+rand.IntN(13), 40
	if hot {
		processes, calls = 3, 600
	}
	hold := &historian{prefix: name, kinds: kinds, mutexes: make(map[int]*Mutex), events: make(map[int]*Event), counts: make(map[int]*Semaphore)}
	must(s.t, hold.open()) // so that the objects outlive any of the processes
	start := monotonic() + int64(5*time.Millisecond)
	play := func(c *historyClient) {
		c.child.Tell("play %s %s %t %d %d %d", name, kinds, hot, start, rand.Uint64(), calls)
	}
	for len(s.clients) < processes {
		s.clients = append(s.clients, s.newClient())
	}
	inPlay := slices.Clone(s.clients[:processes])
	for _, c := range inPlay {
		play(c)
	}
	for range rand.IntN(8) {
		time.Sleep(time.Duration(rand.IntN(6000)) * time.Microsecond)
		i := rand.IntN(processes)
		s.clients[i].kill()
		s.kills++
		s.clients[i] = s.newClient()
		inPlay = append(inPlay, s.clients[i])
		play(s.clients[i])
	}
	for _, c := range inPlay {
		if !c.killed {
			c.child.Expect("played")
		}
	}
	for _, m := range hold.mutexes {
		must(s.t, m.Close())
	}
	for _, e := range hold.events {
		must(s.t, e.Close())
	}
	for _, c := range hold.counts {
		must(s.t, c.Close())
	}
	return s.collect(inPlay)
}

// collect reads what the clients have written in this history.
func (s *historyStage) collect(clients []*historyClient) (all []porcupine.Operation) {
	s.t.Helper()
	number := make(map[int]int) // by pid
	for i, c := range clients {
		number[c.child.PID()] = i + 1
	}
	for i, c := range clients {
		for n := 0; c.records[n].from.Load() != 0; n++ {
			r := &c.records[n]
			op := porcupine.Operation{
				ClientId: i, Input: historyCall{r.deed, int(r.object), i + 1},
				Call: r.from.Load(), Return: r.to.Load(),
			}
			switch {
			case op.Return != 0:
				op.Output = historyAnswer{ok: r.ok != 0, previous: number[int(r.previous)]}
				if r.deed == deedRelease {
					op.Output = historyAnswer{ok: r.ok != 0, previous: int(r.previous)}
				}
			case c.killed:
				op.Output, op.Return = cut, c.to
				s.cutOff++
			default:
				s.t.Fatalf("client %d has not returned from %v", i+1, op.Input)
			}
			if r.previous != 0 && r.deed != deedRelease {
				s.told++
				if number[int(r.previous)] == 0 {
					s.t.Fatalf("client %d was told that process %d abandoned the mutex, which had nothing to do with it", i+1, r.previous)
				}
			}
			if r.deed == deedAll && r.ok != 0 {
				s.together++
			}
			s.calls++
			all = append(all, op)
			*r = historyRecord{} // for the next history
		}
		if c.killed {
			must(s.t, c.unmap())
			all = append(all, porcupine.Operation{
				ClientId: i, Input: historyCall{deed: deedDie, client: i + 1}, Output: yes, Call: c.from, Return: c.to,
			})
		}
	}
	return all
}

// visualize writes a history to a page for a browser, and says where.
func visualize(t *testing.T, model porcupine.Model, info porcupine.LinearizationInfo) {
	t.Helper()
	dir := os.TempDir() // an artifact that nobody asked for would be removed
	if f := flag.Lookup("test.artifacts"); f != nil && f.Value.String() == "true" {
		dir = t.ArtifactDir()
	}
	file, err := os.CreateTemp(dir, "atoll-history-*.html")
	must(t, err)
	defer func() { must(t, file.Close()) }()
	must(t, porcupine.Visualize(model, info, file))
	t.Logf("the history is in %s", file.Name())
}

// check makes a history and checks it: first what concerns each object by itself,
// which finds most of what can be wrong, and quickly, then all together.
func (s *historyStage) check(name, kinds string, hot bool) {
	s.t.Helper()
	ops := s.history(name, kinds, hot)
	model := historyModel(kinds)
	for object := range len(kinds) + 1 {
		part := ops
		if object < len(kinds) {
			part = about(ops, object)
		}
		result, info := porcupine.CheckOperationsVerbose(model, part, testkit.Hang)
		if result != porcupine.Ok {
			visualize(s.t, model, info)
			s.t.Fatalf("%s, of objects %s, as to object %d: %v", name, kinds, object, result)
		}
	}
}

// about are the operations that concern an object.
func about(ops []porcupine.Operation, object int) (part []porcupine.Operation) {
	for _, op := range ops {
		c := op.Input.(historyCall)
		if c.deed == deedAll && c.object>>object&1 != 0 {
			op.Input = historyCall{deedPart, object, c.client}
			part = append(part, op)
		}
		if c.deed == deedDie || c.deed != deedAll && c.object == object {
			part = append(part, op)
		}
	}
	return part
}

// TestHistories: what processes see that use the same objects at the same time,
// while some of them are killed, is what they would see if the calls had been made
// one after another, each at some moment between its beginning and its end.
func TestHistories(t *testing.T) {
	histories := 30
	if long() {
		histories = 1000
	}
	s := &historyStage{t: t}
	for n := range histories {
		var kinds strings.Builder
		hot := n%2 == 0
		some := "MMGHS"
		if hot {
			some = "MMAHS" // nobody sleeps
		}
		for range 3 + rand.IntN(historyObjects-2) {
			kinds.WriteByte(some[rand.IntN(len(some))])
		}
		s.check(fmt.Sprintf("history%d", n), kinds.String(), hot)
	}
	for _, c := range s.clients {
		c.child.End()
		must(t, c.unmap())
	}
	t.Logf("%d histories, %d calls, %d kills, %d calls cut off, %d owners told of an abandonment, %d times several were taken together", histories, s.calls, s.kills, s.cutOff, s.told, s.together)
	if s.cutOff == 0 || s.told == 0 || s.together == 0 {
		t.Error("no call was cut off, or no abandoned mutex was met, or no several taken: these histories prove too little")
	}
}
