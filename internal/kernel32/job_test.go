//go:build linux

package kernel32

import (
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"atoll/internal/errs"
	"atoll/internal/jobinfo"
	"atoll/internal/port"
	"atoll/internal/testkit"
)

// eachWay runs a test with control groups, if there can be any, and without.
func eachWay(t *testing.T, run func(t *testing.T)) {
	t.Helper()
	t.Run("any", run)
	t.Run("guardians", func(t *testing.T) {
		t.Setenv("ATOLL_CGROUP", "none")
		run(t)
	})
}

func mustJob(t *testing.T, h Handle, err error) Handle {
	t.Helper()
	must(t, err)
	t.Cleanup(func() { _ = CloseHandle(h) })
	return h
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const jobAll = 0x1F001F

// startIn starts a shell's command in jobs.
func startIn(t *testing.T, command string, jobs ...Handle) Started {
	t.Helper()
	s, err := CreateProcess(&Launch{CommandLine: `sh -c "` + command + `"`, Jobs: jobs, Flags: detachedProcess})
	must(t, err)
	t.Cleanup(func() {
		_ = TerminateProcess(s.Process, 1)
		awaitEnd(t, s.Process)
		must(t, CloseHandle(s.Process))
		must(t, CloseHandle(s.Thread))
	})
	return s
}

func awaitEnd(t *testing.T, h Handle) {
	t.Helper()
	if event, err := WaitForSingleObject(h, uint32(testkit.Hang.Milliseconds()), false); event != 0 || err != nil {
		t.Fatalf("the wait gave %#x, %v", event, err)
	}
}

// setFlags sets limits that are flags alone.
func setFlags(t *testing.T, job Handle, flags byte) {
	t.Helper()
	b := make([]byte, 144)
	b[17] = flags // the second byte of the flags
	must(t, SetInformationJobObject(job, uint32(jobinfo.ExtendedLimit), uint32(len(b)), func(to []byte) error { copy(to, b); return nil }))
}

const killOnClose = 0x20

// Kill on close can be taken back and be asked for again, also while there are
// processes.
func TestJobKillOnCloseChanges(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		for _, flags := range [][]byte{{killOnClose, 0}, {0, killOnClose, 0}, {killOnClose}, {0, killOnClose}, {killOnClose, 0, killOnClose}} {
			job, err := CreateJobObject(nil, "", jobAll)
			must(t, err)
			setFlags(t, job, flags[0])
			s := startIn(t, "exec sleep 1000", job)
			for _, f := range flags[1:] {
				setFlags(t, job, f)
			}
			must(t, CloseHandle(job))
			if flags[len(flags)-1] == killOnClose {
				awaitEnd(t, s.Process)
				continue
			}
			if event, err := WaitForSingleObject(s.Process, uint32(testkit.Quiet.Milliseconds()), false); event != WaitTimeout || err != nil {
				t.Errorf("%v: the wait gave %#x, %v", flags, event, err)
			}
		}
	})
}

// Whatever is asked for or set, with whatever length: a number, and no panic; and never
// more bytes than there is room for.
func TestJobHostileInformation(t *testing.T) {
	h, err := CreateJobObject(nil, "", jobAll)
	job := mustJob(t, h, err)
	startIn(t, "exec sleep 1000", job)
	rapid.Check(t, func(t *rapid.T) {
		class := rapid.OneOf(rapid.Uint32Range(0, 40), rapid.Uint32()).Draw(t, "class")
		length := rapid.OneOf(rapid.Uint32Range(0, 160), rapid.SampledFrom([]uint32{4, 8, 16, 48, 64, 96, 144, 1<<32 - 1, 1 << 31})).Draw(t, "length")
		b, err := QueryInformationJobObject(job, class, length)
		if uint64(len(b)) > uint64(length) || b == nil && err == nil {
			t.Fatalf("%d bytes for %d, %v", len(b), length, err)
		}
		if n := errs.Number(err); err != nil && n != errs.BadLength && n != errs.InvalidParameter && n != errs.NotSupported && n != 234 {
			t.Fatalf("error %d, %v", n, err)
		}
		flags := rapid.Byte().Draw(t, "what") & 0xC9 // nothing that ends or limits what runs
		err = SetInformationJobObject(job, class, length, func(to []byte) error {
			if uint32(len(to)) != length {
				t.Fatalf("%d bytes are read of %d", len(to), length)
			}
			for i := range to {
				to[i] = flags
			}
			return nil
		})
		if errs.Number(err) == errs.InvalidHandle && class != uint32(jobinfo.CompletionPort) {
			t.Fatalf("error %v", err)
		}
	})
}

// A process that is gone before anybody looks is told of all the same.
func TestPortToldOfShortProcess(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		h, err := CreateJobObject(nil, "", jobAll)
		job := mustJob(t, h, err)
		h, err = CreateIoCompletionPort(^Handle(0), 0)
		to := mustJob(t, h, err)
		o, e, err := use[jobObject](job, 0)
		must(t, err)
		must(t, o.associate(to, 5))
		e.leave()
		for range 5 {
			s := startIn(t, "exit 3", job)
			for _, want := range []port.Packet{{Bytes: 6, Key: 5, Overlapped: uintptr(s.PID)}, {Bytes: 7, Key: 5, Overlapped: uintptr(s.PID)}, {Bytes: 4, Key: 5}} {
				if got, err := GetQueuedCompletionStatus(to, uint32(testkit.Hang.Milliseconds())); got != want || err != nil {
					t.Fatalf("%+v, %v, want %+v", got, err, want)
				}
			}
		}
	})
}

// Jobs, ports and processes leave no descriptor behind; a port that is closed ends its
// waits.
func TestJobsLeaveNothing(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		round := func() {
			job, err := CreateJobObject(nil, "", jobAll)
			must(t, err)
			to, err := CreateIoCompletionPort(^Handle(0), 0)
			must(t, err)
			o, e, err := use[jobObject](job, 0)
			must(t, err)
			must(t, o.associate(to, 5))
			e.leave()
			s, err := CreateProcess(&Launch{CommandLine: "sleep 1000", Jobs: []Handle{job}, Flags: detachedProcess})
			must(t, err)
			must(t, TerminateJobObject(job, 9))
			awaitEnd(t, s.Process)
			if code, err := GetExitCodeProcess(s.Process); code != 9 || err != nil {
				t.Errorf("code %d, %v", code, err)
			}
			waits := make(chan uint32)
			go func() {
				for {
					if _, err := GetQueuedCompletionStatus(to, Infinite); err != nil {
						waits <- errs.Number(err)
						return
					}
				}
			}()
			time.Sleep(time.Millisecond)
			must(t, CloseHandle(job))
			must(t, CloseHandle(to))
			if n := <-waits; n != errorAbandonedWait && n != errs.InvalidHandle {
				t.Errorf("error %d", n)
			}
			must(t, CloseHandle(s.Process))
			must(t, CloseHandle(s.Thread))
		}
		round()
		before := descriptors(t)
		for range 10 {
			round()
		}
		deadline := time.Now().Add(testkit.Hang)
		for descriptors(t) > before && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond) // who buries children is still at it
		}
		if n := descriptors(t); n > before {
			t.Errorf("%d descriptors, %d before", n, before)
		}
	})
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(list)
}
