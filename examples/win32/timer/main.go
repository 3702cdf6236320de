// Command timer waits for a timer, and then has another call a function of its own
// some times, as a program for Windows does:
//
//	go run ./examples/win32/timer
//
// Sources: https://learn.microsoft.com/windows/win32/sync/using-waitable-timer-objects,
// https://learn.microsoft.com/windows/win32/sync/using-a-waitable-timer-with-an-asynchronous-procedure-call
package main

import (
	"fmt"
	"log"
	"runtime"

	"atoll/win32"
)

// inMilliseconds is a due time of the future: negative, in units of 100 ns.
func inMilliseconds(n int64) *int64 {
	due := -n * 10_000
	return &due
}

func main() {
	log.SetFlags(0)
	runtime.LockOSThread() // functions are called on the thread that has set the timer
	wait()
	call()
}

// wait waits for a timer as for any other object.
func wait() {
	timer, err := win32.CreateWaitableTimer(nil, true, win32.NullName)
	if err != nil {
		log.Fatal("CreateWaitableTimer: ", err)
	}
	defer win32.CloseHandle(timer)
	if err := win32.SetWaitableTimer(timer, inMilliseconds(3_600_000), 0, 0, 0, false); err != nil {
		log.Fatal("SetWaitableTimer: ", err)
	}
	if event, _ := win32.WaitForSingleObject(timer, 0); event == win32.WAIT_TIMEOUT {
		fmt.Println("not yet")
	}
	if err := win32.SetWaitableTimer(timer, inMilliseconds(100), 0, 0, 0, false); err != nil { // sooner
		log.Fatal("SetWaitableTimer: ", err)
	}
	event, err := win32.WaitForSingleObject(timer, win32.INFINITE)
	if err != nil || event != win32.WAIT_OBJECT_0 {
		log.Fatal("WaitForSingleObject: ", event, err)
	}
	fmt.Println("the timer was signaled")
}

// call has a timer call a function, while the thread waits so that it can be called.
func call() {
	timer, err := win32.CreateWaitableTimer(nil, false, `Local\atoll example timer`)
	if err != nil {
		log.Fatal("CreateWaitableTimer: ", err)
	}
	defer win32.CloseHandle(timer)
	calls := 0
	routine := win32.NewTimerAPCRoutine(func(argument uintptr, _, _ uint32) {
		if calls == 3 {
			return // a wait runs all that are due
		}
		calls++
		fmt.Printf("call %d with %d\n", calls, argument)
	})
	if err := win32.SetWaitableTimer(timer, inMilliseconds(20), 10, routine, 42, false); err != nil {
		log.Fatal("SetWaitableTimer: ", err)
	}
	for calls < 3 {
		if win32.SleepEx(win32.INFINITE, true) != win32.WAIT_IO_COMPLETION {
			log.Fatal("SleepEx ended without a call")
		}
	}
	if err := win32.CancelWaitableTimer(timer); err != nil {
		log.Fatal("CancelWaitableTimer: ", err)
	}
	fmt.Println("canceled")
}
