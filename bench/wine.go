//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// wineServer is the process that all programs under Wine ask. It is started before
// them, so that it may use the processors that they may.
type wineServer struct {
	program string
	running bool
	oneCPU  bool
}

var theServer = &wineServer{}

func buildWine(dir string) ([]string, error) {
	const get = "apt-get install wine64 gcc-mingw-w64-x86-64"
	wine := firstProgram("/usr/lib/wine/wine64", "wine64", "wine")
	theServer.program = firstProgram("/usr/lib/wine/wineserver", "wineserver")
	if wine == "" || theServer.program == "" {
		return nil, errors.New(get)
	}
	command, err := compile(dir, "x86_64-w64-mingw32-gcc", get, "win32.c", peerWine, "-O2")
	if err != nil {
		return nil, err
	}
	prefix, err := winePrefix(wine)
	if err != nil {
		return nil, err
	}
	return append(slices.Concat(wineEnvironment(prefix), []string{wine}), command...), nil
}

// firstProgram is the first of some programs that is installed.
func firstProgram(names ...string) string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// wineEnvironment begins a command that is Wine's.
func wineEnvironment(prefix string) []string {
	return []string{"env", "WINEPREFIX=" + prefix, "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml,winemenubuilder.exe="}
}

// winePrefix is the folder that stands for Windows' disk. It is made once.
func winePrefix(wine string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	prefix := filepath.Join(cache, "atoll-bench", "wine")
	if err := os.MkdirAll(filepath.Dir(prefix), 0o700); err != nil {
		return "", err
	}
	done := filepath.Join(prefix, "atoll-bench-is-done")
	if _, err := os.Stat(done); err == nil {
		return prefix, nil
	}
	boot := slices.Concat(wineEnvironment(prefix), []string{wine, "wineboot", "--init"})
	if out, err := exec.Command(boot[0], boot[1:]...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("wineboot: %w: %s", err, out)
	}
	return prefix, os.WriteFile(done, nil, 0o600)
}

// run has a server run on one processor, or on all.
func (s *wineServer) run(command []string, oneCPU bool) error {
	if s.running && s.oneCPU == oneCPU {
		return nil
	}
	var err error
	for range 50 { // another may still be ending, or have been started by what ended
		s.end(command)
		start := s.command(command, "-p")
		begin := start.Run // it goes on by itself
		if oneCPU {
			begin = func() error { return onOneCPU(start.Run) }
		}
		if err = begin(); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("wineserver: %w", err)
	}
	s.running, s.oneCPU = true, oneCPU
	return nil
}

// command calls the server in the environment that the command of a program has.
func (s *wineServer) command(command []string, args ...string) *exec.Cmd {
	environment := command[1:len(wineEnvironment(""))]
	return exec.Command(command[0], slices.Concat(environment, []string{s.program}, args)...)
}

// end ends the server, with all programs of its own.
func (s *wineServer) end(command []string) {
	_ = s.command(command, "-k").Run() // it may not run at all
	_ = s.command(command, "-w").Run()
	s.running = false
}
