//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"atoll/bench/internal/calling"
)

// program measures a subject and says what it found.
type program struct {
	name    string
	subject string
	sizes   []int
	control string // see measuring
}

// play maps a program's name and a subject to what measures it.
var play = map[string]map[string]func(p *program){}

// register adds the programs of a subject.
func register(subject string, programs map[string]func(p *program)) {
	for name, f := range programs {
		if play[name] == nil {
			play[name] = make(map[string]func(p *program))
		}
		play[name][subject] = f
	}
}

func main() {
	name := os.Getenv(calling.Program)
	if name == "" || len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "programs: go run ./bench calls them")
		os.Exit(2)
	}
	p := &program{name: name, subject: os.Args[1], control: os.Getenv(calling.Profile)}
	must(os.Unsetenv(calling.Profile)) // other processes do not say it, too
	for _, arg := range os.Args[2:] {
		n, err := strconv.Atoi(arg)
		must(err)
		p.sizes = append(p.sizes, n)
	}
	f := play[name][p.subject]
	if f == nil {
		must(fmt.Errorf("there is no program %s of %s", name, p.subject))
	}
	f(p)
}

// measuring says to who looks into this process, if anybody does, that preparations are
// over.
func (p *program) measuring() {
	control, ack, ok := strings.Cut(p.control, ",")
	if !ok {
		return
	}
	p.control = ""
	must(os.WriteFile(control, []byte("enable\n"), 0))
	f, err := os.Open(ack)
	must(err)
	_, err = f.Read(make([]byte, 16)) // it stays open
	must(errors.Join(err, f.Close()))
}

// must ends the program if err is not nil.
func must(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s %q: %v\n", os.Getenv(calling.Program), os.Args[1:], err)
		os.Exit(1)
	}
}

// say prints a figure.
func say(part string, value float64) { fmt.Printf("%s %.3f\n", part, value) }

// median measures chunks of n calls, and says the median of the nanoseconds of a call.
func (p *program) median(part string, f func()) {
	p.loops(part, func(n int) {
		for range n {
			f()
		}
	})
}

// loops is median for what takes so little that it must stand in the loop itself, as it
// does in C.
func (p *program) loops(part string, loop func(n int)) {
	if !wanted(part) {
		return
	}
	chunks, n := p.sizes[0], p.sizes[1]
	each(n, loop) // the first calls open what stays open
	p.measuring()
	var all []float64
	for range chunks {
		all = append(all, each(n, loop))
	}
	say(part, calling.Quantile(all, 0.5))
}

// wanted says whether a part is to be measured.
func wanted(part string) bool {
	only := os.Getenv(calling.Part)
	return only == "" || only == part
}

// each is how long a round takes, of n.
func each(n int, loop func(n int)) float64 {
	start := time.Now()
	loop(n)
	return float64(time.Since(start).Nanoseconds()) / float64(n)
}

// cpuTime is the processor time of this process so far, in nanoseconds.
func cpuTime() float64 {
	var r unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &r) // cannot fail
	return float64(r.Utime.Nano() + r.Stime.Nano())
}

// partner is another process of the same program.
type partner struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	raw io.Reader
	out *bufio.Scanner // of raw, if it talks in lines
}

// start starts a partner, of the same subject and with the same environment.
func (p *program) start(name string, sizes ...int) *partner {
	o := p.startRaw(name, sizes...)
	o.out = bufio.NewScanner(o.raw)
	return o
}

// startRaw starts one that talks otherwise.
func (p *program) startRaw(name string, sizes ...int) *partner {
	self, err := os.Executable()
	must(err)
	args := []string{p.subject}
	for _, n := range sizes {
		args = append(args, strconv.Itoa(n))
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), calling.Program+"="+name)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	in, err := cmd.StdinPipe()
	must(err)
	out, err := cmd.StdoutPipe()
	must(err)
	must(cmd.Start())
	return &partner{cmd: cmd, in: in, raw: out}
}

func (o *partner) tell(line string) {
	_, err := fmt.Fprintln(o.in, line)
	must(err)
}

// hear waits for the numbers of the partner's next line, after the word given.
func (o *partner) hear(word string, numbers ...any) {
	if !o.out.Scan() {
		must(fmt.Errorf("the other process ended; it should have said %s", word))
	}
	rest, ok := strings.CutPrefix(o.out.Text(), word)
	if !ok {
		must(fmt.Errorf("the other process said %q, not %s", o.out.Text(), word))
	}
	if len(numbers) != 0 {
		_, err := fmt.Sscan(rest, numbers...)
		must(err)
	}
}

// end tells the partner that its input is over, and waits for it.
func (o *partner) end() {
	must(o.in.Close())
	must(o.cmd.Wait())
}

// hearMain waits for a line of the process that started this one, or for its end.
func hearMain() { input.Scan() }

var input = bufio.NewScanner(os.Stdin)
