//go:build linux

package liveness

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/futex"
	"atoll/internal/layout"
)

// The keeper is one thread per process, locked to its goroutine, that never ends
// while the process lives. Its robust list has one node for each bell of this
// process. When the process dies the kernel walks the list, marks each bell and
// wakes one sleeper on it.
//
// The nodes lie in private memory, so no other process can bend the list: a
// node's page is mapped directly in front of the page with its bell, so that the
// distance from node to bell, which the kernel wants to be the same for all
// nodes, is one page and a bit.
type keeper struct {
	once sync.Once
	tid  uint32 // 0: no robust lists here; the bells stay silent

	mu    sync.Mutex
	head  *futex.RobustHead
	nodes []*node // in list order
}

// node is one entry of the list. The kernel reads next only.
type node struct{ next uintptr }

var theKeeper keeper

// silent keeps the keeper from registering, for tests of the tick.
var silent bool

// SilenceBell makes the bells of this process stay silent when it dies. It must
// be called before the first synchronisation object is made.
func SilenceBell() { silent = true }

func (k *keeper) start() {
	k.once.Do(func() {
		started := make(chan struct{})
		go k.keep(started)
		<-started
	})
}

// keep runs on the keeper's thread, and holds it until the process ends.
func (k *keeper) keep(started chan<- struct{}) {
	runtime.LockOSThread()
	page, err := unix.MmapPtr(-1, 0, nil, uintptr(unix.Getpagesize()),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err == nil && !silent {
		k.head = (*futex.RobustHead)(page)
		k.head.Next = uintptr(page)
		k.head.Offset = uintptr(unix.Getpagesize() + layout.MemberBell)
		// An error leaves tid 0: the tick finds the dead, a little later.
		if futex.SetRobustList(k.head) == nil {
			k.tid = uint32(unix.Gettid())
		}
	}
	close(started)
	select {}
}

// bellMapping is a member file mapped behind a private page for its node.
type bellMapping struct {
	base unsafe.Pointer // two pages
	node *node
	bell *futex.Word
}

// hang maps the member file fd and puts its bell on the list.
func (k *keeper) hang(fd int) (*bellMapping, error) {
	k.start()
	page := uintptr(unix.Getpagesize())
	base, err := unix.MmapPtr(-1, 0, nil, 2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("map member: %w", err)
	}
	if _, err := unix.MmapPtr(fd, 0, unsafe.Add(base, page), page,
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED); err != nil {
		_ = unix.MunmapPtr(base, 2*page)
		return nil, fmt.Errorf("map member: %w", err)
	}
	m := &bellMapping{
		base: base,
		node: (*node)(base),
		bell: (*futex.Word)(unsafe.Add(base, page+layout.MemberBell)),
	}
	if k.tid == 0 {
		return m, nil
	}
	// Without the Waiters bit the kernel would mark the bell but wake nobody.
	m.bell.Store(k.tid | futex.Waiters)
	k.mu.Lock()
	defer k.mu.Unlock()
	// The kernel may walk the list at any instant: the node is complete before
	// one store puts it in front.
	m.node.next = k.head.Next
	k.head.Next = uintptr(base)
	k.nodes = append([]*node{m.node}, k.nodes...)
	return m, nil
}

// take removes a bell from the list and unmaps it.
func (k *keeper) take(m *bellMapping) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, n := range k.nodes {
		if n != m.node {
			continue
		}
		if i == 0 {
			k.head.Next = n.next
		} else {
			k.nodes[i-1].next = n.next
		}
		k.nodes = append(k.nodes[:i], k.nodes[i+1:]...)
		break
	}
	_ = unix.MunmapPtr(m.base, 2*uintptr(unix.Getpagesize()))
}
