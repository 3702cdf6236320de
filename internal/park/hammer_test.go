//go:build linux

package park

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"atoll/internal/futex"
	"atoll/internal/testkit"
)

// shared is a word with one arm, for which several goroutines wait, as those of a
// process do for one object.
type shared struct {
	word *futex.Word
	arm  Arm

	mu   sync.Mutex
	news chan struct{} // closed when the arm fires
}

func newShared(word *futex.Word) *shared {
	s := &shared{word: word, news: make(chan struct{})}
	s.arm.Init(word, s.tell)
	return s
}

func (s *shared) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.news)
	s.news = make(chan struct{})
}

// look returns the word's value, and what is closed when it changes from that.
func (s *shared) look() (uint32, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value := s.word.Load()
	s.arm.Set(value)
	return value, s.news
}

// awaitSet waits until somebody waits, who may yet be on the way into the kernel.
func (s *shared) awaitSet() {
	for set := false; !set; runtime.Gosched() {
		s.arm.mu.Lock()
		set = s.arm.set
		s.arm.mu.Unlock()
	}
}

// follow waits until the word is last.
func (s *shared) follow(t *testing.T, last uint32, clears bool) {
	t.Helper()
	for {
		value, news := s.look()
		if value == last {
			return
		}
		if clears && rand.IntN(8) == 0 {
			s.arm.Clear()
			s.tell() // the others wait for an arm that is not set any more
			continue
		}
		select {
		case <-news:
		case <-time.After(testkit.Hang):
			t.Errorf("the word was %d and is %d, and the arm does not fire", value, s.word.Load())
			return
		}
	}
}

// TestNoFireIsLost changes words while goroutines wait for each change, set the
// arms, and take them out.
func TestNoFireIsLost(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		const changes = 300
		var all sync.WaitGroup
		for i, word := range sharedWords(t, 20) {
			s := newShared(word)
			for range 3 {
				all.Go(func() { s.follow(t, changes, i%2 == 0) })
			}
			all.Go(func() {
				for range changes {
					switch rand.IntN(4) {
					case 0:
						time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
					case 1:
						s.awaitSet()
					case 2:
						runtime.Gosched()
					}
					word.Add(1)
					futex.Wake(word)
				}
			})
			t.Cleanup(s.arm.Clear)
		}
		all.Wait()
	})
}

// TestClearIsFinal clears arms while they are woken: after Clear nothing fires.
func TestClearIsFinal(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		words := sharedWords(t, 8)
		stop := make(chan struct{})
		var wakers, clearers sync.WaitGroup
		for _, w := range words {
			wakers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						w.Add(1)
						futex.Wake(w)
						runtime.Gosched()
					}
				}
			})
			clearers.Go(func() { clearAndSet(t, w) })
		}
		clearers.Wait()
		close(stop)
		wakers.Wait()
	})
}

func clearAndSet(t *testing.T, w *futex.Word) {
	t.Helper()
	var a Arm
	var mu sync.Mutex
	allowed := false
	a.Init(w, func() {
		mu.Lock()
		defer mu.Unlock()
		if !allowed {
			t.Error("fired after Clear")
		}
		if rand.IntN(2) == 0 {
			a.Set(w.Load())
		}
	})
	for i := range 300 {
		mu.Lock()
		allowed = true
		mu.Unlock()
		a.Set(w.Load())
		switch i % 3 {
		case 0:
			runtime.Gosched()
		case 1:
			time.Sleep(time.Duration(rand.IntN(100)) * time.Microsecond)
		}
		a.Clear()
		mu.Lock()
		allowed = false
		mu.Unlock()
	}
}

// TestClearsTogether clears one arm from several goroutines, and sets it from
// others.
func TestClearsTogether(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		w := sharedWords(t, 1)[0]
		a := newArm(t, w)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 200 {
					a.Set(0)
					a.Clear()
				}
			})
		}
		all.Wait()
		a.silent(t, "nothing happened")
		a.Set(0)
		a.silent(t, "nothing happened")
		w.Add(1)
		futex.Wake(w)
		a.fires(t, "woken")
	})
}
