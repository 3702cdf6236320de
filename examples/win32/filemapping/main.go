// Command filemapping reads a number from the middle of a file through a view of it,
// as a program for Windows does. Views begin at multiples of 64 KiB, so the number is
// some bytes behind the view's beginning:
//
//	go run ./examples/win32/filemapping
//
// Source: https://learn.microsoft.com/windows/win32/memory/creating-a-view-within-a-file
package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"atoll/win32"
)

const (
	numbers     = 100_000 // of four bytes each
	wanted      = 34_560 * 4
	length      = 1024
	granularity = 64 << 10
)

func main() {
	log.SetFlags(0)
	dir, err := os.MkdirTemp("", "atoll")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := create(filepath.Join(dir, "numbers"))
	defer win32.CloseHandle(file)

	section, err := win32.CreateFileMapping(file, nil, win32.PAGE_READWRITE, 0, 0, win32.NullName)
	if err != nil {
		log.Fatal("CreateFileMapping: ", err)
	}
	defer win32.CloseHandle(section)

	const begin = wanted / granularity * granularity
	const behind = wanted - begin
	if _, err := win32.MapViewOfFile(section, win32.FILE_MAP_READ, 0, wanted, length); err == win32.ERROR_MAPPED_ALIGNMENT {
		fmt.Printf("no view can begin at %d\n", wanted)
	}
	view, err := win32.MapViewOfFile(section, win32.FILE_MAP_ALL_ACCESS, 0, begin, behind+length)
	if err != nil {
		log.Fatal("MapViewOfFile: ", err)
	}
	word := win32.Bytes(view, behind+length)[behind:][:4]
	fmt.Printf("the view begins at %d, and %d behind that is the number %d\n", begin, behind, binary.LittleEndian.Uint32(word))

	binary.LittleEndian.PutUint32(word, 7)
	if err := win32.FlushViewOfFile(view, 0); err != nil {
		log.Fatal("FlushViewOfFile: ", err)
	}
	if err := win32.FlushFileBuffers(file); err != nil { // to the disk
		log.Fatal("FlushFileBuffers: ", err)
	}
	if err := win32.UnmapViewOfFile(view); err != nil {
		log.Fatal("UnmapViewOfFile: ", err)
	}
	fmt.Printf("now the file has %d there\n", read(file, wanted))
}

// create makes a file of the numbers from 0.
func create(path string) win32.Handle {
	file, err := win32.CreateFile(path, win32.GENERIC_READ|win32.GENERIC_WRITE, 0, nil, win32.CREATE_ALWAYS, win32.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		log.Fatal("CreateFile: ", err)
	}
	var text []byte
	for i := range uint32(numbers) {
		text = binary.LittleEndian.AppendUint32(text, i)
	}
	var done uint32
	if err := win32.WriteFile(file, text, &done, nil); err != nil || int(done) != len(text) {
		log.Fatal("WriteFile: ", done, err)
	}
	return file
}

// read reads a number from the file itself.
func read(file win32.Handle, offset int64) uint32 {
	var word [4]byte
	var done uint32
	if err := win32.SetFilePointerEx(file, offset, nil, win32.FILE_BEGIN); err != nil {
		log.Fatal("SetFilePointerEx: ", err)
	}
	if err := win32.ReadFile(file, word[:], &done, nil); err != nil || done != 4 {
		log.Fatal("ReadFile: ", done, err)
	}
	return binary.LittleEndian.Uint32(word[:])
}
