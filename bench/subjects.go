//go:build linux

package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// subject is somebody who is measured.
type subject struct {
	name  string
	what  string
	limit bool // no peer, but what the machine can do at best
	slow  bool // goes to the kernel, or to a server, at every call
	kind  *kind
}

// kind is a way to run programs. Each is called with the name of the program, the
// subject and sizes, and prints a line for each figure: the part, "-" for the main
// one, and the value.
type kind struct {
	// build makes the program in a folder and says how it is called, or why it cannot
	// be and how to get what is missing.
	build func(dir string) (command []string, err error)
	// before is called before each run, if there is something to do.
	before func(command []string, oneCPU bool) error
	// end is called at the end.
	end func(command []string)
}

var (
	inGo     = &kind{build: buildGo}
	inC      = &kind{build: buildC}
	inCpp    = &kind{build: buildCpp}
	inPython = &kind{build: buildPython}
	inWine   = &kind{build: buildWine, before: theServer.run, end: theServer.end}
)

// subjects are all of them, in the order in which they are shown.
var subjects = []subject{
	{name: "atoll", kind: inGo, what: "this library"},
	{name: "raw-cas", kind: inC, limit: true, what: "two bare compare-and-swaps in C"},
	{name: "raw-spin", kind: inC, limit: true, what: "two words in shared memory in C, and nobody sleeps"},
	{name: "raw-futex", kind: inC, limit: true, what: "futexes in C, every wake and every wait a system call"},
	{name: "raw-futex-waitv", kind: inC, limit: true, what: "futex_waitv in C"},
	{name: "memcpy", kind: inC, limit: true, what: "one process that copies, in C"},
	{name: "shm-open", kind: inC, limit: true, what: "shm_open, mmap, close and munmap in C"},
	{name: "glibc-pshared", kind: inC, what: "a process-shared pthread mutex"},
	{name: "glibc-robust", kind: inC, what: "the same, robust: it tells the next owner of a death"},
	{name: "posix-sem", kind: inC, what: "a process-shared POSIX semaphore"},
	{name: "Boost.Interprocess", kind: inCpp, what: "its interprocess_mutex, semaphore and shared_memory_object in C++"},
	{name: "flock", kind: inC, slow: true, what: "flock in C"},
	{name: "OFD locks", kind: inC, slow: true, what: "locks of open file descriptions in C"},
	{name: "gofrs/flock", kind: inGo, slow: true, what: "flock in Go"},
	{name: "go-filemutex", kind: inGo, slow: true, what: "flock in Go"},
	{name: "juju/mutex", kind: inGo, slow: true, what: "flock in Go, which opens its file each time"},
	{name: "mmap-go", kind: inGo, what: "mmap in Go"},
	{name: "Go pipes", kind: inGo, what: "the pipes of a child in Go"},
	{name: "Python multiprocessing.shared_memory", kind: inPython, what: "Python's shared memory, with its semaphores"},
	{name: "pipes", kind: inC, what: "two pipes in C"},
	{name: "Unix sockets", kind: inC, what: "a pair of Unix stream sockets in C"},
	{name: "Wine", kind: inWine, slow: true, what: "Win32 in C under Wine, whose server is one more process"},
}

func subjectOf(name string) *subject {
	for i := range subjects {
		if strings.EqualFold(subjects[i].name, name) {
			return &subjects[i]
		}
	}
	return nil
}

// The peers' programs.
var (
	//go:embed peers/peer.c
	peerC []byte
	//go:embed peers/boost.cc
	peerCpp []byte
	//go:embed peers/peer.py
	peerPython []byte
	//go:embed peers/win32.c
	peerWine []byte
)

// buildGo makes the programs in Go, which are one, and smaller than this one: as small
// as those in C are beside a user's. Without cgo: nobody in it needs a C library, but
// Go links one in with package net where it finds a compiler for C. Git's stamp, which
// only the tree's owner gets, is left out.
func buildGo(dir string) ([]string, error) {
	program := filepath.Join(dir, "programs")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "atoll/bench/programs")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("run this command with go, in Atoll's source: %w: %s", err, out)
	}
	return []string{program}, nil
}

func buildC(dir string) ([]string, error) {
	return compile(dir, "gcc", "apt-get install gcc libc6-dev", "peer.c", peerC, "-O2", "-pthread")
}

func buildCpp(dir string) ([]string, error) {
	const get = "apt-get install libboost-dev g++"
	compiler, err := exec.LookPath("g++")
	if err != nil {
		return nil, errors.New(get)
	}
	look := exec.Command(compiler, "-E", "-x", "c++", "-", "-o", os.DevNull)
	look.Stdin = strings.NewReader("#include <boost/interprocess/shared_memory_object.hpp>\n")
	if look.Run() != nil {
		return nil, errors.New(get)
	}
	return compile(dir, "g++", get, "boost.cc", peerCpp, "-O2", "-pthread")
}

func buildPython(dir string) ([]string, error) {
	python, err := exec.LookPath("python3")
	if err != nil {
		return nil, errors.New("apt-get install python3")
	}
	source := filepath.Join(dir, "peer.py")
	return []string{python, source}, os.WriteFile(source, peerPython, 0o600)
}

// compile makes a program of a source that is in this one.
func compile(dir, compiler, get, file string, text []byte, flags ...string) ([]string, error) {
	path, err := exec.LookPath(compiler)
	if err != nil {
		return nil, errors.New(get)
	}
	source := filepath.Join(dir, file)
	program := strings.TrimSuffix(source, filepath.Ext(source)) + ".exe" // whose end Windows wants
	if err := os.WriteFile(source, text, 0o600); err != nil {
		return nil, err
	}
	out, err := exec.Command(path, append([]string{"-o", program, source}, flags...)...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", compiler, file, err, out)
	}
	return []string{program}, nil
}
