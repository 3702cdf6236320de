//go:build linux

package kernel32

import (
	"bytes"
	"errors"
	"strconv"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/ending"
	"atoll/internal/parley"
	"atoll/internal/winprocess"
)

// A handle of a thread travels as the number of the thread, or of a process whose
// first thread it is.
const threadText = "thread "

func init() {
	unpackers[access.Process] = func(descriptors []int, text string) (object, error) {
		p, err := winprocess.Unpack(descriptors, text)
		if err != nil {
			return nil, err
		}
		return process{p}, nil
	}
	unpackers[access.Thread] = unpackThread
}

func (p process) pack() (descriptors []int, text string, err error) { return p.Pack() }

func (t *someThread) pack() (descriptors []int, text string, err error) {
	if t.other != nil {
		return winprocess.PackEnding(t.other, threadText)
	}
	own, err := ending.OpenThread(t.id)
	if err != nil {
		return nil, "", err
	}
	defer own.Close()
	return winprocess.PackEnding(own, threadText)
}

// unpackThread makes a thread of what one of the two gave.
func unpackThread(descriptors []int, text string) (object, error) {
	number, of := bytes.CutPrefix([]byte(text), []byte(threadText))
	if !of {
		p, err := winprocess.Unpack(descriptors, text)
		if err != nil {
			return nil, err
		}
		return thread{process{p}}, nil
	}
	id, err := strconv.Atoi(string(number))
	if err != nil || len(descriptors) != 1 {
		return nil, parley.Strange(descriptors, "thread")
	}
	t, err := threadWith(id)
	if err != nil {
		return nil, errors.Join(err, parley.Strange(descriptors, "thread"))
	}
	again, _, err := t.pack()
	if err != nil || !sameFile(descriptors[0], again[0]) {
		t.close()
		return nil, errors.Join(err, parley.Strange(append(descriptors, again...), "thread"))
	}
	note := parley.Note{Descriptors: append(descriptors, again...)}
	note.Discard()
	return t, nil
}

func sameFile(a, b int) bool {
	var first, second unix.Stat_t
	return unix.Fstat(a, &first) == nil && unix.Fstat(b, &second) == nil && first.Dev == second.Dev && first.Ino == second.Ino
}
