//go:build linux && atollcheck

package atoll

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

// The victim passes handles on in every way, and is killed at a point.
var _ = testkit.Role("pass.killed-at", func(self *testkit.Self) {
	setUp(self)
	file, err := net.FileConn(os.NewFile(3, "socket"))
	self.Must(err)
	socket := file.(*net.UnixConn)
	held := make(map[string]Object)
	for i := range 10 {
		key := fmt.Sprint(i)
		held[key], err = Inherited[Object](key)
		self.Must(err)
	}
	for _, o := range held {
		self.Must(Send(socket, o, SameAccess))
		_, err := Receive[Object](socket)
		self.Must(err)
	}
	self.Must(Start(exec.Command("/bin/true"), held))
	self.Say("survived")
})

// A process is killed at each step of passing a handle on: the objects live as long
// as somebody else has them, are gone with the last, and nothing is left.
func TestKillPointsOfPassing(t *testing.T) {
	points := slices.DeleteFunc(pointsIn(t, "internal/onlinux", "internal/transfer"), func(point string) bool {
		way, _, _ := strings.Cut(point, ".")
		return !slices.Contains([]string{"send", "receive", "start", "inherit"}, way)
	})
	if len(points) < 9 {
		t.Fatalf("only the points %v", points)
	}
	for _, point := range points {
		nths := []int{1, 2, 9}
		if strings.HasPrefix(point, "start.") {
			nths = nths[:1]
		}
		for _, nth := range nths {
			t.Run(fmt.Sprintf("%s:%d", point, nth), func(t *testing.T) { killWhilePassing(t, fmt.Sprintf("%s:%d", point, nth)) })
		}
	}
}

func killWhilePassing(t *testing.T, point string) {
	objects := append(fiveTypes(t, "passed-"), fiveTypes(t, "")...)
	inherit := make(map[string]Object)
	for i, o := range objects {
		inherit[fmt.Sprint(i)] = o
	}
	ends := socketFiles(t, unix.SOCK_STREAM)
	cmd := testkit.Command("pass.killed-at", "die="+point)
	cmd.ExtraFiles = []*os.File{ends[1]}
	victim := startHeir(t, cmd, inherit)
	socket := connOf(t, ends[0])
	must(t, ends[1].Close())
	for _, o := range objects {
		must(t, Send(socket, o, SameAccess))
	}
	victim.Expect("") // the end of what it says
	_ = victim.Wait()
	for {
		o, err := Receive[Object](socket)
		if err != nil {
			break
		}
		must(t, o.Close())
	}
	must(t, socket.Close())
	for _, o := range objects {
		works(t, o, o)
		alive(t, o.Name(), true)
		must(t, o.Close())
	}
	for deadline := time.Now().Add(testkit.Hang); strings.HasPrefix(point, "start.") && anyAlive(objects); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) { // the victim's child has them until it ends
			t.Fatal("an object stays alive")
		}
	}
	for _, o := range objects {
		alive(t, o.Name(), false)
	}
	_, err := Sweep(LocalScope)
	must(t, err)
	if left := testkit.Objects(testkit.Base()); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
	if n := localMembers(t); n != 0 {
		t.Errorf("%d members are left", n)
	}
}

func anyAlive(objects []Object) bool {
	return slices.ContainsFunc(objects, func(o Object) bool {
		_, err := Stat(o.Name())
		return o.Name() != "" && err == nil
	})
}
