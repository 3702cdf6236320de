//go:build linux

package atoll

import (
	"io/fs"
	"runtime"
	"testing"

	"atoll/internal/testkit"
)

// What became of each line about mutexes, semaphores, events, timers and waits
// (12.5 to 12.9) of the list of Windows' behaviours; see sectionLines.
var waitLines = map[string]string{
	"C266": "win32: mutexes of the Go face are not recursive (TestMutexIsNotRecursive)",
	"C268": "TestMutexLines/C268",
	"C269": "TestMutexLines/C269",
	"C270": "TestMutexLines/C270",
	"C272": "win32: no right is called READ_CONTROL; TestMutexLines/C272 unlocks with Wait alone",
	"C273": "TestMutexLines/C273",
	"C274": "win32: the Go face has no generic rights",
	"C276": "TestMutexLines/C276",
	"C277": "win32: the Go face has no ACCESS_SYSTEM_SECURITY",
	"C278": "win32: threads own mutexes there; here handles and processes do (TestMutexCloseOfOwnerAbandons)",
	"C280": "TestMutexLines/C280",
	"C281": "win32: threads own mutexes there; here Close of the owning handle abandons (TestMutexCloseOfOwnerAbandons)",
	"C282": "not applicable: the handle is the owner; its Close abandons the mutex (TestMutexCloseOfOwnerAbandons)",
	"C284": "win32: mutexes of the Go face are not recursive; the initial owner unlocks once (TestMutexInitiallyOwned)",
	"C285": "TestMutexLines/C285",

	"C286": "TestSemaphoreOptions/C286",
	"C288": "TestSemaphoreRelease/C288",
	"C289": "TestSemaphoreRelease/C289",
	"C290": "TestSemaphoreRelease/C290",
	"C292": "TestSemaphoreRelease/C292",
	"C293": "TestSemaphoreHolderKilled/C293",
	"C294": "TestSemaphoreRelease/C294",

	"C296": "TestEventLines/C296",
	"C297": "TestEventLines/C297",
	"C298": "TestEventLines/C298",
	"C300": "TestEventLines/C300",
	"C301": "TestEventLines/C301",
	"C302": "TestEventPulse/C302",
	"C304": "TestEventPulse/C304",
	"C305": "TestEventPulseSeveral/C305",
	"C306": "TestEventRights/C306",
	"C308": "TestEventLines/C308",

	"C309": "TestTimerNew/C309",
	"C310": "TestTimerDue/C310",
	"C312": "TestTimerDue/C312",
	"C313": "TestTimerDue/C313",
	"C314": "TestTimerPeriod/C314",
	"C316": "TestTimerSetAgain/C316",
	"C317": "TestTimerSetAgain/C317",
	"C318": "TestTimerSetAgain/C318",
	"C320": "TestTimerCancel/C320",
	"C321": "TestTimerCancel/C321",
	"C322": "win32: timers of the Go face have no completion routine; a goroutine waits instead",
	"C324": "win32: timers of the Go face have no completion routine",
	"C325": "TestTimerBetweenProcesses/C325",
	"C326": "win32: timers of the Go face have no completion routine",
	"C328": "TestTimerBetweenProcesses/C328",
	"C329": "TestTimerNew/C329",
	"C330": "TestTimerNew/C330",

	"C332": "TestWaitAnyNumbers/C332",
	"C333": "TestWaitAnyNumbers/C333",
	"C334": "TestWaitAnyNumbers/C334",
	"C336": "TestWaitAllRefusesDuplicates/C336",
	"C337": "TestWaitAllRefusesDuplicates/C337",
	"C338": "win32: the Go face has no pseudo-handles; WaitProcess takes any pid",
	"C340": "not applicable: Go calls return errors and leave no last error",
	"C341": "not applicable: Go calls return errors and leave no last error",
	"C342": "TestWaitAll/C342",
	"C344": "TestWaitAnyAbandoned/C344",
	"C345": "TestWaitSeveralRefuses/C345",
	"C346": "TestWaitSeveralRefuses/C346",
	"C348": "win32: goroutines have no APCs; a wait ends with ctx or a channel (TestWaitChan)",
	"C349": "win32: goroutines have no APCs",
	"C350": "win32: goroutines have no APCs",
	"C352": "win32: goroutines have no APCs",
	"C353": "TestSignalAndWait/C353",
	"C354": "TestSignalAndWait/C354",
	"C356": "TestSignalAndWait/C356",
	"C357": "TestSignalAndWait/C357",
	"C358": "not applicable: what cannot be signaled is no Signaler, which the compiler says; win32 refuses it with 6",
	"C360": "not applicable: Close ends the waits through its own handle, also that the third sets through another (TestWaitSeveralClose/C360)",
	"C418": "win32: TestEventAutoReset sets and resets twice",
}

// TestMutexLines: what the list of Windows' behaviours says of mutexes, as far as
// it holds for owners that are handles.
func TestMutexLines(t *testing.T) {
	t.Run("C268", func(t *testing.T) {
		m := newTestMutex(t, "", MutexOptions{})
		mustLock(t, m, false)
		mustUnlock(t, m)
		failsWith(t, ErrNotOwner, 288)(Result{}, m.Unlock())
	})
	t.Run("C269", func(t *testing.T) {
		owner := newTestMutex(t, "C269", MutexOptions{InitiallyOwned: true})
		failsWith(t, ErrNotOwner, 288)(Result{}, openTestMutex(t, "C269").Unlock())
		mustUnlock(t, owner)
	})
	t.Run("C270", func(t *testing.T) {
		m := newTestMutex(t, "", MutexOptions{})
		failsWith(t, ErrNotOwner, 288)(Result{}, m.Unlock())
		mustLock(t, m, false)
		mustUnlock(t, m)
	})
	t.Run("C272", func(t *testing.T) {
		newTestMutex(t, "C272", MutexOptions{})
		m, err := OpenMutex("C272", Wait)
		must(t, err)
		closeLater(t, m)
		mustLock(t, m, false)
		mustUnlock(t, m)
	})
	t.Run("C273", func(t *testing.T) {
		newTestMutex(t, "C273", MutexOptions{})
		m, err := OpenMutex("C273", Modify)
		must(t, err)
		closeLater(t, m)
		failsWith(t, fs.ErrPermission, 5)(WaitAny(t.Context(), m))
		_, err = m.Lock(t.Context())
		failsWith(t, fs.ErrPermission, 5)(Result{}, err)
	})
	t.Run("C276", func(t *testing.T) {
		// Rights of other types, and bits that are none.
		newTestMutex(t, "C276", MutexOptions{})
		for _, a := range []Access{Read, Write, Execute, Wait | Write, 1 << 20} {
			refused(t, 5, fs.ErrPermission)(object(OpenMutex("C276", a)))
		}
	})
	t.Run("C280", func(t *testing.T) {
		m := newTestMutex(t, "C280", MutexOptions{})
		owner := startAgent(t, "", "C280")
		ask(t, owner, "lock C280")
		done := beginAny(m)
		still(t, done)
		owner.Kill()
		if e := within60(t, done); e.err != nil || e.Abandoned == nil || e.Abandoned.PID != owner.PID() {
			t.Fatalf("%+v", e)
		}
		mustUnlock(t, m)
		mustBe(t, 0)(WaitAny(t.Context(), m))
		mustUnlock(t, m)
	})
	t.Run("C285", func(t *testing.T) {
		m := newTestMutex(t, "", MutexOptions{})
		for range 20 { // locked on one thread, unlocked on another
			mustLock(t, m, false)
			done := make(chan struct{})
			go func() {
				runtime.LockOSThread() // never unlocked: the thread ends, the ownership does not
				defer close(done)
				mustUnlock(t, m)
				mustLock(t, m, false)
			}()
			testkit.Soon(t, done, "unlock")
			mustUnlock(t, m)
		}
	})
}
