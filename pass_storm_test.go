//go:build linux

package atoll

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

// A courier takes all handles that it has inherited, says so, and then takes what
// comes through its socket: some it closes, some it keeps, some it duplicates and
// sends back, until it is killed.
var _ = testkit.Role("courier", func(self *testkit.Self) {
	file, err := net.FileConn(os.NewFile(3, "socket"))
	self.Must(err)
	socket := file.(*net.UnixConn)
	for _, key := range self.Args {
		o, err := Inherited[Object](key)
		self.Must(err)
		if m, ok := o.(*Mutex); ok && rand.IntN(2) == 0 {
			_, _, err := m.TryLock()
			self.Must(err)
		}
	}
	self.Say("ready")
	for {
		o, err := Receive[Object](socket)
		if err != nil {
			select {} // the end of this life is a kill
		}
		switch rand.IntN(3) {
		case 0:
			self.Must(o.Close())
		case 1:
			d, err := Duplicate(o, SameAccess)
			self.Must(err)
			_ = Move(socket, d, SameAccess)
		}
	}
})

// passing is what TestHandlesInStorm counts.
type passing struct {
	t       *testing.T
	handles atomic.Int64 // that were duplicated, inherited, sent and received here
}

// Ten thousand handles are inherited, sent to and fro and duplicated, while the
// processes that have them are killed and what they leave is swept: no owner of a
// mutex is forgotten, each object lives as long as this process has
// a handle, is gone at once when that is closed, and nothing stays behind.
func TestHandlesInStorm(t *testing.T) {
	keeper := newTestEvent(t, "", EventOptions{}) // this process stays a member
	_, err := Sweep(LocalScope)
	must(t, err)
	members, descriptors := localMembers(t), len(testkit.Descriptors())
	s := &passing{t: t}
	want := int64(scaled(10000))
	rounds, over := 0, make(chan struct{})
	var sweeper sync.WaitGroup
	sweeper.Go(func() { s.sweep(over) })
	for ; s.handles.Load() < want || rounds < scaled(50); rounds++ {
		s.round(rounds)
	}
	close(over)
	sweeper.Wait()
	must(t, keeper.Set())
	_, err = Sweep(LocalScope)
	must(t, err)
	if n := localMembers(t); n > members {
		t.Errorf("%d member files, before %d", n, members)
	}
	if left := testkit.Objects(testkit.Base()); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
	if n := len(testkit.Descriptors()); n > descriptors {
		t.Errorf("%d descriptors, before %d: %v", n, descriptors, testkit.Descriptors())
	}
	t.Logf("%d handles in %d rounds", s.handles.Load(), rounds)
}

// sweep sweeps until the test is over.
func (s *passing) sweep(over chan struct{}) {
	for {
		select {
		case <-over:
			return
		default:
			_, err := Sweep(LocalScope)
			must(s.t, err)
		}
	}
}

// round makes objects, gives them to two couriers, and kills those.
func (s *passing) round(n int) {
	objects := append(fiveTypes(s.t, fmt.Sprintf("storm-%d-", n)), fiveTypes(s.t, "")...)
	inherit := make(map[string]Object)
	var keys []string
	for i, o := range objects {
		keys = append(keys, fmt.Sprint(i))
		inherit[keys[i]] = o
	}
	var couriers sync.WaitGroup
	for range 2 {
		couriers.Go(func() { s.courier(objects, keys, inherit) })
	}
	couriers.Wait()
	for _, o := range objects {
		alive(s.t, o.Name(), true)
		if m, ok := o.(*Mutex); ok {
			ok, _, err := m.TryLock() // free, or abandoned by a courier
			if !ok || err != nil {
				s.t.Errorf("lock: %v, %v", ok, err)
			}
		}
		must(s.t, o.Close())
		alive(s.t, o.Name(), false)
	}
}

// courier starts one, sends it all objects again and again, takes what comes back,
// and kills it on the way.
func (s *passing) courier(objects []Object, keys []string, inherit map[string]Object) {
	ends := socketFiles(s.t, unix.SOCK_STREAM)
	cmd := testkit.Command("courier", keys...)
	cmd.ExtraFiles = []*os.File{ends[1]}
	c := startHeir(s.t, cmd, inherit)
	s.handles.Add(int64(len(keys)))
	socket := connOf(s.t, ends[0])
	must(s.t, ends[1].Close())
	if rand.IntN(4) != 0 { // else it is killed while it takes what it has inherited
		c.Expect("ready")
	}
	var back sync.WaitGroup
	back.Go(func() { s.receive(socket) })
	deadline := time.AfterFunc(time.Duration(rand.IntN(4000))*time.Microsecond, func() { _ = c.Cmd.Process.Kill() })
	for i := 0; ; i++ {
		err := Send(socket, objects[i%len(objects)], SameAccess)
		if err != nil {
			s.allowed(err)
			break
		}
		s.handles.Add(1)
	}
	deadline.Stop()
	c.Kill()
	back.Wait()
	must(s.t, socket.Close())
}

// receive takes what a courier sends back, until it is dead.
func (s *passing) receive(socket *net.UnixConn) {
	for {
		o, err := Receive[Object](socket)
		if err != nil {
			s.allowed(err)
			return
		}
		d, err := Duplicate(o, SameAccess)
		must(s.t, err)
		s.handles.Add(2)
		must(s.t, errors.Join(o.Close(), d.Close()))
	}
}

// allowed says whether an error is what the end of a peer comes to.
func (s *passing) allowed(err error) {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return
		}
	}
	s.t.Error(err)
}
