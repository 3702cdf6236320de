// Command semaphore has twelve threads of which at most three are at work at once, as
// a program for Windows does it:
//
//	go run ./examples/win32/semaphore
//
// Source: https://learn.microsoft.com/windows/win32/sync/using-semaphore-objects
package main

import (
	"fmt"
	"log"
	"sync"
	"sync/atomic"

	"atoll/win32"
)

const (
	threads = 12
	places  = 3
)

func main() {
	log.SetFlags(0)
	semaphore, err := win32.CreateSemaphore(nil, places, places, win32.NullName)
	if err != nil {
		log.Fatal("CreateSemaphore: ", err)
	}
	defer win32.CloseHandle(semaphore)

	var working, turns, tooMany atomic.Int32
	var all sync.WaitGroup
	for range threads {
		all.Go(func() {
			event, err := win32.WaitForSingleObject(semaphore, win32.INFINITE)
			if err != nil || event != win32.WAIT_OBJECT_0 {
				log.Fatal("WaitForSingleObject: ", event, err)
			}
			if working.Add(1) > places {
				tooMany.Add(1)
			}
			win32.SleepEx(5, false) // the work
			working.Add(-1)
			turns.Add(1)
			if err := win32.ReleaseSemaphore(semaphore, 1, nil); err != nil {
				log.Fatal("ReleaseSemaphore: ", err)
			}
		})
	}
	all.Wait()
	fmt.Printf("%d threads had their turn, %d times there were more than %d\n", turns.Load(), tooMany.Load(), places)

	for range places {
		_, _ = win32.WaitForSingleObject(semaphore, 0)
	}
	if event, _ := win32.WaitForSingleObject(semaphore, 0); event == win32.WAIT_TIMEOUT {
		fmt.Println("no place is left")
	}
	var previous int32
	err = win32.ReleaseSemaphore(semaphore, 2, &previous)
	fmt.Printf("two left: there were %d places before, error %v\n", previous, err)
	if err := win32.ReleaseSemaphore(semaphore, 2, nil); err == win32.ERROR_TOO_MANY_POSTS {
		fmt.Println("two more cannot leave")
	}
}
