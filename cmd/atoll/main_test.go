//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"atoll"
	"atoll/internal/testkit"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"atoll": main, "locktwo": lockTwo})
}

// lockTwo FIRST SECOND locks a mutex, says so, and locks another one when the file
// "go" is there.
func lockTwo() {
	first, second := os.Args[1], os.Args[2]
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	var mutexes []*atoll.Mutex
	for _, name := range []string{first, second} {
		m, _, err := atoll.CreateOrOpenMutex(name, atoll.MutexOptions{})
		check(err)
		mutexes = append(mutexes, m)
	}
	_, err := mutexes[0].Lock(context.Background())
	check(err)
	check(os.WriteFile("locked-"+first, nil, 0o600))
	for {
		if _, err := os.Stat("go"); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	_, err = mutexes[1].Lock(context.Background())
	check(err)
}

// TestScripts runs testdata/script/*.txtar. Each script has a directory of
// objects of its own, in which nothing may be left at its end.
func TestScripts(t *testing.T) {
	p := scripts()
	p.Dir = "testdata/script"
	testscript.Run(t, p)
}

// TestJobScriptsWithoutGroups runs the scripts about jobs where no control group may
// be made.
func TestJobScriptsWithoutGroups(t *testing.T) {
	p := scripts("ATOLL_CGROUP=none")
	var err error
	if p.Files, err = filepath.Glob("testdata/script/job*.txtar"); err != nil || len(p.Files) == 0 {
		t.Fatal("no scripts", err)
	}
	testscript.Run(t, p)
}

// scripts is how the scripts run, with more variables.
func scripts(more ...string) testscript.Params {
	return testscript.Params{
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			base, err := os.MkdirTemp("/dev/shm", "atoll-test-")
			if err != nil {
				return err
			}
			env.Vars = append(env.Vars, more...)
			examples, err := filepath.Abs("../../examples")
			if err != nil {
				return err
			}
			env.Setenv("EXAMPLES", examples)
			env.Setenv("ATOLL_ROOT", base)
			env.Setenv("TMPDIR", env.WorkDir)
			// A program with the race detector otherwise sleeps a second at its end.
			env.Setenv("GORACE", strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=0"))
			env.Defer(func() { _ = os.RemoveAll(base) })
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond != "root" {
				return false, fmt.Errorf("no condition %q", cond)
			}
			return os.Geteuid() == 0, nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"until": until, "status": status, "pidof": pidOf, "empty": empty, "nomembers": noMembers, "uniform": uniform,
		},
	}
}

// until REGEXP COMMAND… runs the command again and again until its output
// matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP COMMAND…")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	deadline := time.Now().Add(testkit.Hang)
	for time.Now().Before(deadline) {
		_ = ts.Exec(args[1], args[2:]...)
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%v never says %q; last:\n%s%s", args[1:], args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
}

// status N COMMAND… checks the exit status of a command.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		e, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v: %v", args[1:], err)
		}
		got = e.ExitCode()
	}
	if got != want {
		ts.Fatalf("%v: exit status %d, want %d", args[1:], got, want)
	}
}

// pidof VARIABLE sets a variable to the process number of the command that was
// put into the background last.
func pidOf(ts *testscript.TestScript, neg bool, args []string) {
	background := ts.BackgroundCmds()
	if neg || len(args) != 1 || len(background) == 0 {
		ts.Fatalf("usage, after COMMAND &: pidof VARIABLE")
	}
	ts.Setenv(args[0], strconv.Itoa(background[len(background)-1].Process.Pid))
}

// empty checks that no file of an object is left.
func empty(ts *testscript.TestScript, neg bool, _ []string) {
	left := testkit.Objects(ts.Getenv("ATOLL_ROOT"))
	if (len(left) == 0) == neg {
		ts.Fatalf("files of objects: %v", left)
	}
}

// noMembers checks that no file is left that says who was alive.
func noMembers(ts *testscript.TestScript, neg bool, _ []string) {
	left, err := filepath.Glob(filepath.Join(ts.Getenv("ATOLL_ROOT"), "atoll*", "members", "*"))
	ts.Check(err)
	if (len(left) == 0) == neg {
		ts.Fatalf("files of members: %v", left)
	}
}

// uniform BYTE COUNT writes a file "input" of that many equal bytes.
func uniform(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: uniform BYTE COUNT")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("input"), bytes.Repeat([]byte(args[0][:1]), n), 0o600))
}
