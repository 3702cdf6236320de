// Command mutex has several processes add to one number, one at a time, as programs
// for Windows do: under a mutex that they know by name. One of them ends while it owns
// the mutex, and the next is told so:
//
//	go run ./examples/win32/mutex
//
// Source: https://learn.microsoft.com/windows/win32/sync/using-mutex-objects
package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"os/exec"
	"runtime"

	"atoll/win32"
)

const (
	prefix    = `Local\atoll example mutex `
	processes = 4
	rounds    = 1000
)

func main() {
	log.SetFlags(0)
	runtime.LockOSThread() // a mutex belongs to a thread
	mutex, err := win32.CreateMutex(nil, false, prefix+"lock")
	if mutex == 0 {
		log.Fatal("CreateMutex: ", err)
	}
	section, err := win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, win32.PAGE_READWRITE, 0, 8, prefix+"number")
	if section == 0 {
		log.Fatal("CreateFileMapping: ", err)
	}
	view, err := win32.MapViewOfFile(section, win32.FILE_MAP_WRITE, 0, 0, 0)
	if err != nil {
		log.Fatal("MapViewOfFile: ", err)
	}
	number := win32.Bytes(view, 8)
	switch {
	case len(os.Args) == 1:
		parent(mutex, number)
	case os.Args[1] == "add":
		add(mutex, number)
	default:
		own(mutex) // and ends so
	}
}

func parent(mutex win32.Handle, number []byte) {
	var adding []*exec.Cmd
	for range processes {
		adding = append(adding, start("add"))
	}
	for _, child := range adding {
		if err := child.Wait(); err != nil {
			log.Fatal(err)
		}
	}
	own(mutex)
	fmt.Printf("%d processes added to %d\n", processes, binary.LittleEndian.Uint64(number))
	release(mutex)

	if err := start("leave").Wait(); err != nil {
		log.Fatal(err)
	}
	if own(mutex) == win32.WAIT_ABANDONED {
		fmt.Println("the last owner ended without releasing the mutex; it is ours now")
	}
	release(mutex)
	if err := win32.ReleaseMutex(mutex); err == win32.ERROR_NOT_OWNER {
		fmt.Println("it cannot be released twice")
	}
}

// add adds to the number many times; reading and writing it are two steps.
func add(mutex win32.Handle, number []byte) {
	for range rounds {
		own(mutex)
		n := binary.LittleEndian.Uint64(number)
		runtime.Gosched()
		binary.LittleEndian.PutUint64(number, n+1)
		release(mutex)
	}
}

func own(mutex win32.Handle) (event uint32) {
	event, err := win32.WaitForSingleObject(mutex, win32.INFINITE)
	if err != nil {
		log.Fatal("WaitForSingleObject: ", err)
	}
	return event
}

func release(mutex win32.Handle) {
	if err := win32.ReleaseMutex(mutex); err != nil {
		log.Fatal("ReleaseMutex: ", err)
	}
}

// start starts this program in another process.
func start(what string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	child := exec.Command(exe, what)
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	if err := child.Start(); err != nil {
		log.Fatal(err)
	}
	return child
}
