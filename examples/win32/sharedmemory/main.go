// Command sharedmemory shares memory between two processes by name, as a program for
// Windows does. The first process creates the memory, writes into it and starts the
// second, which opens it, reads, and answers:
//
//	go run ./examples/win32/sharedmemory
//
// Source: https://learn.microsoft.com/windows/win32/memory/creating-named-shared-memory
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"os/exec"

	"atoll/win32"
)

const (
	name = `Local\atoll example shared memory`
	size = 4096
)

func main() {
	log.SetFlags(0)
	if len(os.Args) > 1 {
		second()
		return
	}
	first()
}

// first creates the memory, and waits for the answer in it.
func first() {
	memory, err := win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, win32.PAGE_READWRITE, 0, size, name)
	if err != nil { // also if somebody has created it before: the handle is good then
		log.Fatal("CreateFileMapping: ", err)
	}
	defer win32.CloseHandle(memory)
	view := mapped(memory)
	defer win32.UnmapViewOfFile(view)

	copy(win32.Bytes(view, size), "message from the first process\x00")
	exe, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	child := exec.Command(exe, "second")
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	if err := child.Run(); err != nil {
		log.Fatal("second process: ", err)
	}
	fmt.Printf("the first process reads: %s\n", text(view))
}

// second opens the memory, and answers in it.
func second() {
	memory, err := win32.OpenFileMapping(win32.FILE_MAP_ALL_ACCESS, false, name)
	if err != nil {
		log.Fatal("OpenFileMapping: ", err)
	}
	defer win32.CloseHandle(memory)
	view := mapped(memory)
	defer win32.UnmapViewOfFile(view)

	fmt.Printf("the second process reads: %s\n", text(view))
	copy(win32.Bytes(view, size), "answer from the second process\x00")
}

func mapped(memory win32.Handle) (view uintptr) {
	view, err := win32.MapViewOfFile(memory, win32.FILE_MAP_ALL_ACCESS, 0, 0, size)
	if err != nil {
		log.Fatal("MapViewOfFile: ", err)
	}
	return view
}

// text is what a view has up to its first zero.
func text(view uintptr) []byte {
	text, _, _ := bytes.Cut(win32.Bytes(view, size), []byte{0})
	return text
}
