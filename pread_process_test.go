//go:build linux

package atoll

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"atoll/internal/testkit"
)

const (
	preadSize    = 128 << 20
	deadByte     = 0xAA
	survivorByte = 0x55
)

// TestMutexOwnerKilledInsidePread: the owner dies while one of its threads is
// inside a long pread into the section, which goes on for a while after the
// process has begun to die. Whoever has the mutex next never sees it write.
func TestMutexOwnerKilledInsidePread(t *testing.T) {
	source := filepath.Join(testkit.Base(), "source") // on tmpfs: such a read does not look at signals
	must(t, os.WriteFile(source, bytes.Repeat([]byte{deadByte}, preadSize), 0o600))
	defer func() { must(t, os.Remove(source)) }()
	s, err := CreateSection("pread", SectionOptions{Size: preadSize})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	v, err := s.Map(0, 0, 0)
	must(t, err)
	defer func() { must(t, v.Close()) }()
	m := newTestMutex(t, "pread-mutex", MutexOptions{})
	for round := range 6 {
		c := testkit.Start(t, "pread", source)
		c.Expect("reading")
		time.Sleep(time.Duration(round) * 5 * time.Millisecond)
		_ = c.Cmd.Process.Kill()
		mustLock(t, m, true)
		fill(v.Bytes(), survivorByte)
		time.Sleep(testkit.Quiet)
		if n := bytes.Count(v.Bytes(), []byte{survivorByte}); n != preadSize {
			t.Fatalf("round %d: the dead owner wrote over %d bytes of the new owner", round, preadSize-n)
		}
		mustUnlock(t, m)
		_ = c.Wait()
	}
}

func fill(b []byte, value byte) {
	for i := range b {
		b[i] = value
	}
}

var _ = testkit.Role("pread", func(self *testkit.Self) {
	source, err := os.Open(self.Args[0])
	self.Must(err)
	s, err := OpenSection("pread", 0)
	self.Must(err)
	v, err := s.Map(0, 0, 0)
	self.Must(err)
	m, err := OpenMutex("pread-mutex", 0)
	self.Must(err)
	_, err = m.Lock(context.Background())
	self.Must(err)
	go self.Say("reading") // while the first pread is under way
	for {
		_, err := source.ReadAt(v.Bytes(), 0) // one pread of all of it
		self.Must(err)
	}
})
