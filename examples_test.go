package atoll_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"atoll/internal/testkit"
)

// buildExample builds a program of examples/ as a user would.
func buildExample(t *testing.T, name string) string {
	t.Helper()
	testkit.Need(t, runtime.GOOS == "linux", "Linux")
	program := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", program, "./examples/"+name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// The section of the example is read by children of three languages, by what
// docs/FORMAT.md says of the variable.
func TestExampleInherit(t *testing.T) {
	program := buildExample(t, "inherit")
	runs := func(want string, child ...string) {
		t.Helper()
		out, err := exec.Command(program, child...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%q: %v: %s, want %q", child, err, out, want)
		}
	}
	runs("the child reads \"hello from the parent\"\nthe child has set the event: true")
	t.Run("python", func(t *testing.T) {
		_, err := exec.LookPath("python3")
		testkit.Need(t, err == nil, "python3")
		runs("Python reads hello from the parent", "python3", "examples/inherit/children/reader.py")
	})
	t.Run("c", func(t *testing.T) {
		_, err := exec.LookPath("gcc")
		testkit.Need(t, err == nil, "gcc")
		reader := filepath.Join(t.TempDir(), "reader")
		if out, err := exec.Command("gcc", "-Wall", "-Werror", "-o", reader, "examples/inherit/children/reader.c").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		runs("C reads hello from the parent", reader)
	})
}

func TestExampleSocket(t *testing.T) {
	program := buildExample(t, "socket")
	path := filepath.Join(t.TempDir(), "s")
	sender := exec.Command(program, "send", path)
	out, err := sender.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sender.Process.Kill() }()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	received, err := exec.Command(program, "receive", path).CombinedOutput()
	if want := `received 4096 bytes, read: "for whoever asks"`; err != nil || !strings.Contains(string(received), want) {
		t.Errorf("%v: %s, want %q", err, received, want)
	}
	if err := sender.Wait(); err != nil {
		t.Error(err)
	}
}

// The jobs of Microsoft's tutorials, over package win32: the same source, built for
// Linux and for Windows, prints the same on Linux and under Wine.
func TestExamplesWin32(t *testing.T) {
	testkit.Need(t, runtime.GOOS == "linux", "Linux")
	testkit.Need(t, exists("/usr/lib/wine/wine64"), "wine64")
	dirs, err := filepath.Glob("examples/win32/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal(dirs, err)
	}
	wine, err := filepath.Abs("conformance/wine")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			linux := exec.Command("go", "run", "./"+dir)
			windows := exec.Command("go", "run", "-exec", wine, "./"+dir)
			windows.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
			want, err := linux.CombinedOutput()
			if err != nil || len(want) == 0 {
				t.Fatalf("on Linux: %v: %s", err, want)
			}
			got, err := windows.CombinedOutput()
			if err != nil || string(got) != string(want) {
				t.Errorf("under Wine: %v:\n%son Linux:\n%s", err, got, want)
			}
		})
	}
}
