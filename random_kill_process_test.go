//go:build linux

package atoll

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"atoll/internal/layout"
	"atoll/internal/testkit"
	"atoll/internal/wait"
)

// The storm: processes work on one set of objects and are killed at random.

const (
	stormWorkers = 6
	stormMutexes = 3
	stormEvents  = 3 // the last one is reset by hand
	stormPermits = 2 // semaphores
	stormCount   = 3 // what each has at first
	stormLimit   = 1 << 20
)

func stormMutex(i int) string  { return fmt.Sprintf("storm-m%d", i) }
func stormEvent(i int) string  { return fmt.Sprintf("storm-e%d", i) }
func stormPermit(i int) string { return fmt.Sprintf("storm-s%d", i) }

// stormBoard is what the processes of a storm share besides the objects: a
// section of memory.
type stormBoard struct {
	paused   atomic.Uint32 // begin nothing new
	stopping atomic.Uint32 // pass the signal on, close all, end
	// inside are the processes that own the mutexes, by what they say themselves.
	inside  [stormMutexes]atomic.Int64
	workers [stormWorkers]atomic.Int32 // what each is doing
	// given counts the releases of each semaphore before they are made, and got the
	// permits after they were taken.
	given, got [stormPermits]atomic.Int64
	// What was done, to see that the storm was one.
	locks, abandoned, waits, several atomic.Int64
}

// What a worker is doing, if it does not wait for event number n, which is n.
const (
	stormBusy = -1 - iota
	stormIdle // because of the pause
)

// openBoard maps the board.
func openBoard() (*stormBoard, func() error, error) {
	s, _, err := CreateOrOpenSection("storm-board", SectionOptions{Size: 4096})
	if err != nil {
		return nil, nil, err
	}
	v, err := s.Map(Read|Write, 0, 0)
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	b, err := At[stormBoard](v, 0)
	return b, func() error { return errors.Join(v.Close(), s.Close()) }, err
}

// stormWorker is one of the processes.
type stormWorker struct {
	*testkit.Self
	*hand
	board *stormBoard
	doing *atomic.Int32
	pid   int64
}

var _ = testkit.Role("storm-worker", func(self *testkit.Self) {
	wait.SetTick(time.Hour) // what only the tick would wake, the test wakes: see calm
	number, err := strconv.Atoi(self.Args[0])
	self.Must(err)
	board, closeBoard, err := openBoard()
	self.Must(err)
	w := &stormWorker{Self: self, hand: newHand(), board: board, doing: &board.workers[number], pid: int64(os.Getpid())}
	for i := range stormMutexes {
		w.must(w.do("mutex " + stormMutex(i)))
	}
	for i := range stormEvents {
		w.must(w.do(openStormEvent(i)))
	}
	for i := range stormPermits {
		w.Must(w.openPermit(i))
	}
	w.must(w.do("timer storm-t"))
	for board.stopping.Load() == 0 {
		if board.paused.Load() != 0 {
			w.doing.Store(stormIdle)
			time.Sleep(200 * time.Microsecond)
			continue
		}
		w.doing.Store(stormBusy)
		stormDeeds[rand.IntN(len(stormDeeds))](w)
	}
	self.Must(w.closeAll())
	self.Must(closeBoard())
})

func openStormEvent(i int) string {
	if i == stormEvents-1 {
		return "manual " + stormEvent(i)
	}
	return "auto " + stormEvent(i)
}

func (w *stormWorker) must(_ string, err error) { w.Must(err) }

// stormDeeds are what the workers do, at random.
var stormDeeds = []func(w *stormWorker){
	(*stormWorker).lock, (*stormWorker).lock, (*stormWorker).lockInTime, (*stormWorker).tryLock,
	(*stormWorker).wait, (*stormWorker).waitInTime, (*stormWorker).signal, (*stormWorker).signal,
	(*stormWorker).reopen, (*stormWorker).live,
	(*stormWorker).permit, (*stormWorker).waitForAll, (*stormWorker).waitForAny, (*stormWorker).fire,
}

func inTime() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Duration(rand.IntN(2000))*time.Microsecond)
}

// enter and leave are the ends of what only the owner may do. Whoever finds
// another inside must have been told that the mutex was abandoned, and that one
// must be dead. It need not be the one who abandoned it: that one may have been
// killed before it could say that it is inside.
func (w *stormWorker) enter(i int, previous *Abandoned) {
	w.board.locks.Add(1)
	if previous != nil {
		w.board.abandoned.Add(1)
	}
	if inside := w.board.inside[i].Swap(w.pid); inside != 0 && (previous == nil || !isDead(inside)) {
		w.Must(fmt.Errorf("two owners of %s: %d is inside, and it is %v", stormMutex(i), inside, previous))
	}
}

// isDead says whether a process is gone, or on its way: its locks fall on that.
func isDead(pid int64) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, found := strings.Cut(string(b), ") ")
	fields := strings.Fields(after)
	if err != nil || !found || len(fields) < 7 {
		return true
	}
	const exiting = 4 // PF_EXITING
	flags, err := strconv.ParseUint(fields[6], 10, 64)
	return err == nil && flags&exiting != 0
}

func (w *stormWorker) leave(i int) {
	if !w.board.inside[i].CompareAndSwap(w.pid, 0) {
		w.Must(fmt.Errorf("two owners of %s: %d went inside, too", stormMutex(i), w.board.inside[i].Load()))
	}
	w.Must(w.mutexes[stormMutex(i)].Unlock())
}

// lock takes one or more mutexes, always in the same order.
func (w *stormWorker) lock() {
	var owned []int
	for i := rand.IntN(stormMutexes); i < stormMutexes; i += 1 + rand.IntN(stormMutexes) {
		previous, err := w.mutexes[stormMutex(i)].Lock(context.Background())
		w.Must(err)
		w.enter(i, previous)
		owned = append(owned, i)
	}
	if rand.IntN(4) == 0 {
		time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
	}
	for _, i := range owned {
		w.leave(i)
	}
}

func (w *stormWorker) lockInTime() {
	i := rand.IntN(stormMutexes)
	ctx, cancel := inTime()
	defer cancel()
	previous, err := w.mutexes[stormMutex(i)].Lock(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return
	}
	w.Must(err)
	w.enter(i, previous)
	w.leave(i)
}

func (w *stormWorker) tryLock() {
	i := rand.IntN(stormMutexes)
	ok, previous, err := w.mutexes[stormMutex(i)].TryLock()
	w.Must(err)
	if ok {
		w.enter(i, previous)
		w.leave(i)
	}
}

// wait waits for an event as long as it takes.
func (w *stormWorker) wait() {
	i := rand.IntN(stormEvents)
	e := w.events[stormEvent(i)]
	w.doing.Store(int32(i))
	w.Must(e.Wait(context.Background()))
	w.board.waits.Add(1)
	if w.board.stopping.Load() != 0 {
		w.Must(e.Set()) // for the others who wait
	}
}

func (w *stormWorker) waitInTime() {
	ctx, cancel := inTime()
	defer cancel()
	if err := w.events[stormEvent(rand.IntN(stormEvents))].Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		w.Must(err)
	}
}

func (w *stormWorker) signal() {
	i := rand.IntN(stormEvents)
	w.Must(w.events[stormEvent(i)].Set())
	if i == stormEvents-1 || rand.IntN(4) == 0 {
		w.Must(w.events[stormEvent(i)].Reset())
	}
}

// reopen gives a handle back and takes another.
func (w *stormWorker) reopen() {
	name, open := stormMutex(0), "mutex "+stormMutex(0)
	if i := rand.IntN(stormEvents); rand.IntN(2) == 0 {
		name, open = stormEvent(i), openStormEvent(i)
	}
	w.Must(w.close(name))
	w.must(w.do(open))
}

// live makes an object, or finds one that another has made, and gives it back.
func (w *stormWorker) live() {
	name := fmt.Sprintf("storm-life%d", rand.IntN(3))
	w.must(w.do("manual " + name))
	w.Must(w.close(name))
}

// openPermit opens a semaphore.
func (h *hand) openPermit(i int) (err error) {
	h.semaphores[stormPermit(i)], _, err = CreateOrOpenSemaphore(stormPermit(i), SemaphoreOptions{Initial: stormCount, Max: stormLimit})
	return err
}

// holds notes that a permit was taken, and gives it back.
func (w *stormWorker) holds(i int) {
	w.board.got[i].Add(1)
	w.board.given[i].Add(1)
	_, err := w.semaphores[stormPermit(i)].Release(1)
	w.Must(err)
}

// timedOut says whether a wait ended with its time.
func (w *stormWorker) timedOut(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	w.Must(err)
	return false
}

func (w *stormWorker) permit() {
	i := rand.IntN(stormPermits)
	ctx, cancel := inTime()
	defer cancel()
	if !w.timedOut(w.semaphores[stormPermit(i)].Wait(ctx)) {
		w.holds(i)
	}
}

// waitForAll takes some mutexes, in any order, and a permit.
func (w *stormWorker) waitForAll() {
	ctx, cancel := inTime()
	defer cancel()
	some := rand.Perm(stormMutexes)[:1+rand.IntN(stormMutexes)]
	permit := rand.IntN(stormPermits)
	var objects []Waitable
	for _, i := range some {
		objects = append(objects, w.mutexes[stormMutex(i)])
	}
	r, err := WaitAll(ctx, append(objects, w.semaphores[stormPermit(permit)])...)
	if w.timedOut(err) {
		return
	}
	w.board.several.Add(1)
	for n, i := range some {
		previous := r.Abandoned // of the first that was abandoned; others after it may be, too
		if n < r.Index {
			previous = nil
		}
		w.enter(i, previous)
	}
	for _, i := range some {
		w.leave(i)
	}
	w.holds(permit)
}

// waitForAny takes the timer's signal, or a mutex, or a permit.
func (w *stormWorker) waitForAny() {
	ctx, cancel := inTime()
	defer cancel()
	m, s := rand.IntN(stormMutexes), rand.IntN(stormPermits)
	r, err := WaitAny(ctx, w.timers["storm-t"], w.mutexes[stormMutex(m)], w.semaphores[stormPermit(s)])
	if w.timedOut(err) {
		return
	}
	w.board.several.Add(1)
	switch r.Index {
	case 1:
		w.enter(m, r.Abandoned)
		w.leave(m)
	case 2:
		w.holds(s)
	}
}

// fire makes the timer due now or soon, or never.
func (w *stormWorker) fire() {
	if rand.IntN(4) == 0 {
		w.Must(w.timers["storm-t"].Cancel())
		return
	}
	w.Must(w.timers["storm-t"].SetAfter(time.Duration(rand.IntN(300))*time.Microsecond, 0))
}

// storm is the test's side.
type storm struct {
	t       *testing.T
	board   *stormBoard
	hand    *hand
	workers [stormWorkers]*testkit.Child
	ticks   int // how often somebody had to be helped who slept
}

func (s *storm) start(i int) {
	s.board.workers[i].Store(stormBusy)
	s.workers[i] = testkit.Start(s.t, "storm-worker", strconv.Itoa(i))
}

// kill kills a worker, wherever it is, and starts another in its place.
func (s *storm) kill(i int) {
	s.t.Helper()
	s.workers[i].Kill()
	s.listen(i)
	s.start(i)
}

// listen fails the test if a worker has something to say, which it has only when
// something is wrong.
func (s *storm) listen(i int) {
	s.t.Helper()
	for s.workers[i].Pending() {
		s.t.Fatalf("worker %d: %s", i, s.workers[i].Line())
	}
}

// calm pauses the storm, for the caller to let it go on, and waits until every
// worker is idle, or waits for an event that is not signaled: whoever could be
// released has been. Those whom by design only a tick wakes are woken.
func (s *storm) calm() {
	s.t.Helper()
	s.board.paused.Store(1)
	begun := time.Now()
	for ; !s.isCalm(); time.Sleep(200 * time.Microsecond) {
		if took := time.Since(begun); took > testkit.Hang {
			s.t.Fatal("a wake-up was lost: ", s.describe())
		} else if took > testkit.Quiet {
			s.tick()
		}
	}
}

// tick does what the workers' ticks would: it repairs what was left by one who
// was killed inside a gate; and takes a mutex over from a dead owner, because he
// whom the bell woke may be dead, too. Whoever sleeps for another reason than
// these two is not helped.
func (s *storm) tick() {
	s.t.Helper()
	for i := range stormEvents {
		e := s.hand.events[stormEvent(i)]
		if stateOf(s.t, stormEvent(i)).Holder() == 0 {
			continue
		}
		if s.ticks++; try(s.t, e) {
			must(s.t, e.Set())
		}
	}
	living := s.members()
	for i := range stormMutexes {
		state := stateOf(s.t, stormMutex(i))
		if owner := layout.MutexWord.Owner(state.Word()); state.Holder() == 0 && (owner == 0 || living[owner]) {
			continue
		}
		m := s.hand.mutexes[stormMutex(i)]
		ok, previous, err := m.TryLock()
		must(s.t, err)
		if !ok {
			continue
		}
		s.ticks++
		if previous != nil {
			s.board.inside[i].Store(0) // what the dead one did is repaired
		}
		must(s.t, m.Unlock())
	}
}

// members are the numbers of the workers that live.
func (s *storm) members() map[uint32]bool {
	s.t.Helper()
	workers := make(map[int]bool)
	for _, w := range s.workers {
		workers[w.PID()] = true
	}
	numbers := make(map[uint32]bool)
	files, err := filepath.Glob(localFile("members/*"))
	must(s.t, err)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		must(s.t, err)
		info, err := parseMember(b)
		must(s.t, err)
		if workers[info.PID] {
			n, err := strconv.ParseUint(filepath.Base(file), 16, 32)
			must(s.t, err)
			numbers[uint32(n)] = true
		}
	}
	return numbers
}

func (s *storm) isCalm() bool {
	s.t.Helper()
	var waited [stormEvents]bool
	for i := range s.workers {
		s.listen(i)
		switch doing := s.board.workers[i].Load(); doing {
		case stormBusy:
			return false
		case stormIdle:
		default:
			waited[doing] = true
		}
	}
	// From here on nobody signals anything.
	for i, waited := range waited {
		if waited && stateOf(s.t, stormEvent(i)).Word()&layout.SignaledBit != 0 {
			return false
		}
	}
	return true
}

// permits checks, in a calm, that no permit was made of nothing, and that each
// death lost one at the most.
func (s *storm) permits(kills int) {
	s.t.Helper()
	lost := int64(0)
	for i := range stormPermits {
		count := int64(stateOf(s.t, stormPermit(i)).Word())
		given, got := s.board.given[i].Load(), s.board.got[i].Load()
		if got > given+stormCount || count+got > given+stormCount {
			s.t.Fatalf("%s: %d are left and %d were taken, of %d that there were and %d that were given", stormPermit(i), count, got, stormCount, given)
		}
		lost += stormCount + given - got - count
	}
	if lost > int64(kills) {
		s.t.Fatalf("%d permits are lost by %d deaths", lost, kills)
	}
}

// permit gives a permit, in place of one that a killed worker had.
func (s *storm) permit(n int) {
	s.t.Helper()
	i := n % stormPermits
	s.board.given[i].Add(1)
	_, err := s.hand.semaphores[stormPermit(i)].Release(1)
	must(s.t, err)
}

func (s *storm) describe() (text string) {
	for i, w := range s.workers {
		text += fmt.Sprintf("process %d does %d; ", w.PID(), s.board.workers[i].Load())
	}
	for i := range stormMutexes {
		text += fmt.Sprintf("%s is %#x; ", stormMutex(i), stateOf(s.t, stormMutex(i)))
	}
	for i := range stormEvents {
		text += fmt.Sprintf("%s is %#x; ", stormEvent(i), stateOf(s.t, stormEvent(i)))
	}
	return text
}

// end ends the storm: one signal of each event must release everybody, as each
// passes it on.
func (s *storm) end() {
	s.t.Helper()
	s.calm()
	s.board.stopping.Store(1)
	s.board.paused.Store(0)
	for i := range stormEvents {
		must(s.t, s.hand.events[stormEvent(i)].Set())
	}
	for i, w := range s.workers {
		if line := w.Line(); line != "" {
			s.t.Fatalf("worker %d: %s", i, line)
		}
		w.End()
	}
}

func startStorm(t *testing.T) *storm {
	t.Helper()
	board, closeBoard, err := openBoard()
	must(t, err)
	s := &storm{t: t, board: board, hand: newHand()}
	t.Cleanup(func() { must(t, errors.Join(s.hand.closeAll(), closeBoard())) })
	for i := range stormMutexes {
		_, err := s.hand.do("mutex " + stormMutex(i))
		must(t, err)
	}
	for i := range stormEvents {
		_, err := s.hand.do(openStormEvent(i))
		must(t, err)
	}
	for i := range stormPermits {
		must(t, s.hand.openPermit(i))
	}
	_, err = s.hand.do("timer storm-t")
	must(t, err)
	for i := range stormWorkers {
		s.start(i)
	}
	return s
}

// resources are what this process could run out of; peers are the descriptors of
// other members, of which the library keeps some for the next time.
type resources struct{ descriptors, peers, pages, threads int }

func countResources(t *testing.T) resources {
	t.Helper()
	runtime.GC()
	threads, err := os.ReadDir("/proc/self/task")
	must(t, err)
	r := resources{pages: stateMappings(t), threads: len(threads)}
	for _, target := range testkit.Descriptors() {
		if strings.Contains(target, "/members/") {
			r.peers++
		} else {
			r.descriptors++
		}
	}
	return r
}

// TestRandomKills: processes that use mutexes and events in every way are killed
// at random moments. No mutex has two owners, no wake-up is lost, no object and
// nothing of this process's is left.
func TestRandomKills(t *testing.T) {
	kills := 300
	if long() {
		kills = 10_000
	}
	t.Run("storm", func(t *testing.T) {
		s := startStorm(t)
		var before resources
		for n := range kills {
			time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond)
			s.kill(rand.IntN(stormWorkers))
			// So that not all wait for ever, when those who signal were killed.
			must(t, s.hand.events[stormEvent(n%stormEvents)].Set())
			s.permit(n)
			if n%10 == 9 {
				s.calm()
				s.permits(n + 1)
				if before.threads == 0 {
					before = countResources(t)
				}
				s.board.paused.Store(0)
			}
		}
		s.calm()
		// Go keeps threads for the next time, too, so their number is never exact.
		const peers = 2 * 64
		after := countResources(t)
		if after.descriptors > before.descriptors || after.peers > peers || after.pages > before.pages || after.threads > before.threads+16 {
			t.Errorf("%+v at the end, %+v after ten kills", after, before)
		}
		s.end()
		t.Logf("%d kills, %d locks, %d of them of abandoned mutexes, %d waits, and %d for several; a tick was needed %d times", kills, s.board.locks.Load(), s.board.abandoned.Load(), s.board.waits.Load(), s.board.several.Load(), s.ticks)
		if s.board.abandoned.Load() == 0 {
			t.Error("nobody was killed owning a mutex: this was no storm")
		}
	})
	sweepAll(t)
	nobodyIsLeft(t)
}

// nobodyIsLeft checks that no member file is left but this process's own.
func nobodyIsLeft(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(localFile("members/*"))
	must(t, err)
	for _, file := range files {
		b, err := os.ReadFile(file)
		must(t, err)
		info, err := parseMember(b)
		must(t, err)
		if info.PID != os.Getpid() {
			t.Errorf("the member file of process %d, which has ended, is left", info.PID)
		}
	}
}
