// Command waitmultiple waits for one of several objects and for all of them, as a
// program for Windows does:
//
//	go run ./examples/win32/waitmultiple
//
// Source: https://learn.microsoft.com/windows/win32/sync/waiting-for-multiple-objects
package main

import (
	"fmt"
	"log"

	"atoll/win32"
)

func main() {
	log.SetFlags(0)
	events := []win32.Handle{event(), event()}

	go set(events[1])
	fmt.Printf("object %d was signaled\n", wait(events, false, win32.INFINITE))
	set(events[0])
	set(events[1])
	fmt.Printf("of two that are signaled it is object %d\n", wait(events, false, win32.INFINITE))

	if wait(events, true, 50) == win32.WAIT_TIMEOUT { // the first has lost its signal
		fmt.Println("they are not both signaled")
	}
	go set(events[0])
	wait(events, true, win32.INFINITE)
	fmt.Println("now they were both, and neither is any more:", wait(events, false, 0) == win32.WAIT_TIMEOUT)
}

// event creates an event that a wait resets.
func event() win32.Handle {
	h, err := win32.CreateEvent(nil, 0, 0, win32.NullName)
	if err != nil {
		log.Fatal("CreateEvent: ", err)
	}
	return h
}

func set(event win32.Handle) {
	if err := win32.SetEvent(event); err != nil {
		log.Fatal("SetEvent: ", err)
	}
}

// wait gives the index of the object, as WAIT_OBJECT_0 is 0; or WAIT_TIMEOUT.
func wait(objects []win32.Handle, all bool, milliseconds uint32) uint32 {
	event, err := win32.WaitForMultipleObjects(objects, all, milliseconds)
	if err != nil {
		log.Fatal("WaitForMultipleObjects: ", err)
	}
	return event
}
