//go:build linux

package ending

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

// The process's first thread never ends, so none that is to end may be it.
func init() { runtime.LockOSThread() }

// Where a filter forbids descriptors of threads, the ends of threads are noticed all the
// same.
func TestForbidden(t *testing.T) {
	for _, errno := range []string{"ENOSYS", "EPERM"} {
		t.Run(errno, func(t *testing.T) {
			c := testkit.Start(t, "forbidden", errno)
			c.Expect("ticks true, ended false")
			c.Expect("ended true")
			c.End()
		})
	}
}

var _ = testkit.Role("forbidden", func(s *testkit.Self) {
	errno := map[string]unix.Errno{"ENOSYS": unix.ENOSYS, "EPERM": unix.EPERM}[s.Args[0]]
	s.Must(testkit.Forbid(errno, unix.SYS_PIDFD_OPEN))
	id, end := make(chan int), make(chan struct{})
	go func() {
		runtime.LockOSThread() // for good: the thread ends
		id <- unix.Gettid()
		<-end
	}()
	p, err := OpenThread(<-id)
	s.Must(err)
	defer p.Close()
	ended := make(chan struct{})
	defer p.Watch(func() { close(ended) })()
	s.Say("ticks %v, ended %v", p.Ticks(), p.Ended())
	close(end)
	<-ended
	s.Say("ended %v", p.Ended())
})
