package models

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
)

const (
	// atOnce is how many searches run side by side. One may take 1 GB.
	atOnce = 2
	// memory is the limit of one search in MB. Beyond it Spin gives up, and
	// the test fails.
	memory = 2000
	// depth is the longest path that Spin may follow. A search that would need
	// more fails.
	depth = 1_000_000
	// patience ends a search that runs away.
	patience = 10 * time.Minute
	// longVariable asks for the searches that take minutes, if it is set.
	longVariable = "ATOLL_MODELS_LONG"
)

// kind says what is searched for.
type kind int

const (
	// What a search without a kind of its own looks for: no assertion fails, and
	// no state is left that nobody can leave and that is no proper end.
	_ kind = iota
	// liveness: moreover every process ends, if each gets its turn.
	liveness
)

// A search is one run of Spin over one model.
type search struct {
	defines string // what the model is made with, without -D
	kind    kind
	long    bool
}

// The processes that take part in names.pml, and the objects of cell.pml,
// and who waits for what in several.pml.
const (
	writers        = "KINDS PROCESSES=3 KIND0=WRITER KIND1=WRITER KIND2=WRITER ONLY_WRITERS "
	writersReader  = "KINDS PROCESSES=3 KIND0=WRITER KIND1=WRITER KIND2=READER "
	writerReaders  = "KINDS PROCESSES=3 KIND0=WRITER KIND1=READER KIND2=READER "
	writersSweeper = "KINDS PROCESSES=3 KIND0=WRITER KIND1=WRITER KIND2=SWEEPER ONLY_WRITERS "
	everybody      = "KINDS PROCESSES=4 KIND0=WRITER KIND1=WRITER KIND2=READER KIND3=SWEEPER "
	writerReaders3 = "KINDS PROCESSES=4 KIND0=WRITER KIND1=READER KIND2=READER KIND3=READER "
	mutex          = "MUTEX "
	semaphore      = "SEMAPHORE "
	auto           = "AUTO "
	manual         = "MANUAL "
	fourProcesses  = "THREADS=4 "
	mates          = "MATES "
	pair           = "PAIR "
	twoWaiters     = "WAITERS=2 "
	oneWaiter      = "WAITERS=1 "
	manualFour     = manual + fourProcesses
	free           = "OWNER=0 "
	forAll         = "ALL2 "
	twoLots        = "OBJECTS=3 MATES ALL2 WANTS1=6 WANTS2=1 SIGNALS=2 "
	bothLots       = "OBJECTS=3 MATES ALL2 WANTS1=2 WANTS2=5 SIGNALS=2 GLOBAL=4 " // one is of both directories
	globalMutex    = "GLOBAL=1 "
)

// TestNamesHold searches the life of a name as it is.
func TestNamesHold(t *testing.T) {
	hold(t, "names", []search{
		{defines: writers, long: true},
		{defines: writers + "WITHOUT_DOOR KILLS=1", long: true},
		{defines: writersReader},
		{defines: writers + "WITHOUT_DOOR KILLS=1", kind: liveness},
		{defines: writerReaders + "ROUNDS=2 KILLS=1", long: true},
		{defines: writerReaders},
		{defines: writersSweeper},
		{defines: everybody + "KILLS=1", long: true},
		{defines: writersReader + "KILLS=1", kind: liveness},
		{defines: writerReaders + "KILLS=1", kind: liveness, long: true},
		{defines: writers + "WITHOUT_DOOR", long: true},
		{defines: writersReader + "ROUNDS=2 KILLS=1", long: true},
		{defines: writersSweeper + "ROUNDS=2", long: true},
		{defines: writerReaders3, long: true},
		{defines: everybody, long: true},
	})
}

// TestNamesBreak searches variants that are wrong.
func TestNamesBreak(t *testing.T) {
	refuse(t, "names", []search{
		{defines: writers + "BREAK_OPEN_DECIDES_AFTER_OWN_LOCK"},
		{defines: writers + "BREAK_WRITER_TAKES_CONFLICT_FOR_LIFE"},
		{defines: writers + "BREAK_OPEN_TRUSTS_ANY_LOCK"},
		{defines: writers + "WITHOUT_DOOR BREAK_OPEN_TRUSTS_ANY_LOCK"},
		{defines: writers + "BREAK_OPEN_FORGETS_PATH_CHECK"},
		{defines: writers + "BREAK_CLOSE_FORGETS_PATH_CHECK"},
		{defines: writersSweeper + "BREAK_SWEEP_FORGETS_PATH_CHECK"},
		{defines: writers + "KILLS=0 BREAK_CLOSE_TRIES_ONCE"},
		{defines: writers + "BREAK_PUBLISH_BEFORE_LOCK"},
		{defines: writersReader + "KILLS=0 BREAK_READER_LOCKS_TO_FIND_OUT"},
		{defines: writersReader + "BREAK_READER_IGNORES_DOOR"},
		{defines: writersReader + "BREAK_READER_ASKS_DOOR_APART"},
		{defines: writersReader + "WITHOUT_DOOR"},
	})
}

// TestFoundingHolds searches how a private namespace is founded.
func TestFoundingHolds(t *testing.T) {
	hold(t, "founding", []search{
		{defines: "KILLS=1"},
		{defines: "FOUNDERS=2 ROUNDS=2 KILLS=1"},
		{defines: "KILLS=2", long: true},
		{defines: "KILLS=1", kind: liveness},
		{defines: "ROUNDS=2 KILLS=1", long: true},
	})
}

// TestFoundingBreaks searches variants that are wrong.
func TestFoundingBreaks(t *testing.T) {
	refuse(t, "founding", []search{
		{defines: "FOUNDERS=2 KILLS=0 BREAK_LOOKS_BEFORE_CLAIM"},
		{defines: "FOUNDERS=2 KILLS=0 BREAK_LISTS_BEFORE_CLAIM"},
		{defines: "FOUNDERS=2 KILLS=0 BREAK_IGNORES_STRONGER"},
		{defines: "FOUNDERS=2 KILLS=0 BREAK_IGNORES_WEAKER"},
		{defines: "FOUNDERS=2 KILLS=0 BREAK_KEEPS_CLAIM"},
		{defines: "FOUNDERS=2 KILLS=1 BREAK_STATE_WITHOUT_LOCK"},
	})
}

// TestSharingHolds searches how a file is opened, and made shorter, beside others.
func TestSharingHolds(t *testing.T) {
	hold(t, "sharing", []search{
		{defines: "OPENERS=2 ROUNDS=2"},
		{defines: "OPENERS=3 ROUNDS=1", long: true},
		{defines: "SECTIONS"},
	})
}

// TestSharingBreaks searches variants that are wrong.
func TestSharingBreaks(t *testing.T) {
	refuse(t, "sharing", []search{
		{defines: "KILLS=0 ROUNDS=1 BREAK_LOOKS_FIRST"},
		{defines: "KILLS=0 ROUNDS=1 BREAK_SETTLED_FIRST"},
		{defines: "KILLS=0 ROUNDS=1 BREAK_IGNORES_THE_UNDECIDED"},
		{defines: "KILLS=0 ROUNDS=1 BREAK_LETS_GO_FIRST"},
		{defines: "SECTIONS KILLS=0 BREAK_CUTTER_LOOKS_FIRST"},
		{defines: "SECTIONS KILLS=0 BREAK_MAKER_WAITS_FIRST"},
		{defines: "SECTIONS KILLS=0 BREAK_MAKER_DOES_NOT_WAIT"},
	})
}

// TestSoleHolds searches the end of the time when a process has one handle of a mutex.
func TestSoleHolds(t *testing.T) {
	hold(t, "sole", []search{
		{},
		{defines: "USERS=1 ROUNDS=3"},
		{defines: "USERS=3", long: true},
	})
}

// TestSoleBreaks searches variants that are wrong.
func TestSoleBreaks(t *testing.T) {
	refuse(t, "sole", []search{
		{defines: "BREAK_NO_PIN"},
		{defines: "BREAK_LOOKS_AFTERWARDS"},
		{defines: "BREAK_VISITOR_UNPINS"},
		{defines: "BREAK_GIVES_WITHOUT_LOCK"},
	})
}

// TestLeftHolds searches how handles are closed of a mutex that a thread owns.
func TestLeftHolds(t *testing.T) {
	hold(t, "left", []search{{}, {defines: "HANDLES=3 ROUNDS=1"}})
}

// TestLeftBreaks searches variants that are wrong.
func TestLeftBreaks(t *testing.T) {
	refuse(t, "left", []search{
		{defines: "BREAK_DOES_NOT_LOOK"},
		{defines: "BREAK_TRUSTS"},
		{defines: "BREAK_LATE"},
		{defines: "BREAK_NO_LOCK"},
	})
}

// TestCellHolds searches the state cell as it is.
func TestCellHolds(t *testing.T) {
	hold(t, "cell", []search{
		{defines: mutex + "KILLS=1"},
		{defines: mutex + mates + "KILLS=1"},
		{defines: auto + "CANCEL KILLS=1"},
		{defines: auto + "CANCEL", long: true},
		{defines: auto + pair},
		{defines: manual + "CANCEL"},
		{defines: manual + "GAPS=1 KILLS=1", long: true},
		{defines: manual + pair + "CANCEL"},
		{defines: manual + mates + "PULSE"},
		{defines: manualFour + mates + "WAITERS=3 KILLS=1", long: true},
		{defines: semaphore + "CANCEL KILLS=1"},
		{defines: semaphore + "CANCEL", long: true},
		{defines: semaphore + "WAIT_AGAIN ROUNDS=2 KILLS=1", long: true},
		{defines: semaphore + fourProcesses + mates + "WAITERS=3 KILLS=1", long: true},
		{defines: mutex + "KILLS=0", kind: liveness},
		{defines: auto + oneWaiter + "KILLS=1", kind: liveness},
		{defines: manual + pair + oneWaiter + "KILLS=1", kind: liveness, long: true},
		{defines: semaphore + oneWaiter + "KILLS=1", kind: liveness, long: true},
		{defines: mutex + mates + "CANCEL GAPS=1 KILLS=1", long: true},
		{defines: auto + "WAIT_AGAIN ROUNDS=2 KILLS=1", long: true},
		{defines: mutex + "ROUNDS=2 KILLS=0", long: true},
		{defines: mutex, long: true},
		{defines: mutex + mates, long: true},
		{defines: mutex + "BREAK_NO_TICK", long: true}, // a mutex can do without
		{defines: mutex + mates + "ROUNDS=2 KILLS=1", long: true},
		{defines: mutex + "GAPS=1 KILLS=1", long: true},
		{defines: mutex + mates + "KILLS=1", kind: liveness, long: true},
		{defines: auto + "KILLS=1", kind: liveness, long: true},
		{defines: manual + "CANCEL GAPS=1", long: true},
		{defines: semaphore + "CANCEL GAPS=1", long: true},
		{defines: manualFour + "WAITERS=3 WAIT_AGAIN ROUNDS=2 KILLS=0", long: true},
		{defines: manualFour + pair + "KILLS=1", long: true},
		{defines: manualFour + "KILLS=1", long: true},
		{defines: auto + fourProcesses + pair + "KILLS=1", long: true},
		{defines: auto + fourProcesses + "KILLS=1", long: true},
	})
}

// TestCellBreaks searches variants that are wrong.
func TestCellBreaks(t *testing.T) {
	refuse(t, "cell", []search{
		{defines: mutex + "ROUNDS=2 KILLS=0 BREAK_COMPARE_WORD"},
		{defines: auto + "WAIT_AGAIN ROUNDS=2 KILLS=0 BREAK_COMPARE_WORD", long: true},
		{defines: manualFour + "GAPS=1 KILLS=1 BREAK_COMPARE_WORD", long: true},
		{defines: mutex + "KILLS=0 BREAK_WAKES_READ_AFTER_REGISTERING"},
		{defines: auto + "KILLS=0 BREAK_WAKES_READ_AFTER_REGISTERING", long: true},
		{defines: auto + "BREAK_WAKES_NOT_MOVED_BY_REPAIR"},
		{defines: auto + pair + "BREAK_NO_NOTIFY", long: true},
		{defines: mutex + mates + "KILLS=0 BREAK_NO_NOTIFY"},
		{defines: manual + pair + "KILLS=0 BREAK_ONE_FOR_TWO"},
		{defines: mutex + "KILLS=1 BREAK_ONE_FOR_TWO", long: true},
		{defines: mutex + mates + "CANCEL KILLS=0 BREAK_LEAVER_CLEARS"},
		{defines: mutex + mates + "KILLS=0 CANCEL BREAK_CANCELLED_KEEPS_TURN"},
		{defines: manualFour + mates + "WAITERS=3 CANCEL KILLS=0 BREAK_CANCELLED_KEEPS_TURN", long: true},
		{defines: semaphore + oneWaiter + "MAX=1 BREAK_MAX_APART"},
		{defines: mutex + "KILLS=0 BREAK_WAKE_BEFORE_CHANGE", long: true},
		{defines: auto + "BREAK_WAKE_BEFORE_CHANGE"},
		{defines: mutex + "KILLS=0 BREAK_NO_FUTEX_COMPARE"},
		{defines: auto + "BREAK_NO_FUTEX_COMPARE", long: true},
		{defines: mutex + "BREAK_TAKEOVER_AT_BELL"},
		{defines: mutex + "BREAK_BELL_WAKES_ONE", long: true},
		{defines: auto + "BREAK_BELL_WAKES_ONE"},
		{defines: mutex + "KILLS=1 CANCEL BREAK_CANCELLED_KEEPS_RING", long: true},
		{defines: mutex + "KILLS=0 BREAK_REGISTERS_ONCE"},
		{defines: mutex + "KILLS=0 BREAK_WAKE_ONE"},
		{defines: auto + "BREAK_WAKE_ONE", long: true},
		{defines: auto + "BREAK_OPEN_THEN_WAKE"},
		{defines: mutex + "BREAK_OPEN_THEN_WAKE", long: true},
		{defines: auto + "BREAK_NO_TICK"},
		{defines: manual + "BREAK_NO_TICK", long: true},
		{defines: mutex + "BREAK_NO_TICK_AFTER_LOST_RING", long: true},
		{defines: auto + "BREAK_NO_TICK_AFTER_LOST_RING"},
		{defines: mutex + "BREAK_GATE_LEFT_CLOSED"},
		{defines: auto + "BREAK_GATE_LEFT_CLOSED", long: true},
		{defines: manual + "BREAK_GENERATION_NOT_MOVED"},
		{defines: manualFour + "KILLS=0 BREAK_LOOK_NEEDS_OPEN_GATE"},
		{defines: manual + oneWaiter + "BREAK_NOTE_THEN_LOOK"},
	})
}

// TestGrantsHold searches the word of an auto-reset event.
func TestGrantsHold(t *testing.T) {
	hold(t, "grants", []search{
		{defines: "SETS=2 KILLS=1"},
		{defines: "SETS=2 OPENS=1"},
		{defines: twoWaiters + "SETS=2 OPENS=1 CANCELS=1 KILLS=1"},
		{defines: "OPENS=0", long: true},
		{defines: "OPENS=1", long: true},
		{defines: "KILLS=1", long: true},
		{defines: "SETS=2 CANCELS=1", long: true},
		{defines: twoWaiters + "OPENS=1 CANCELS=1 KILLS=1", long: true},
		{defines: twoWaiters + "SETS=4 OPENS=1", long: true},
	})
}

// TestGrantsBreak searches variants that are wrong.
func TestGrantsBreak(t *testing.T) {
	refuse(t, "grants", []search{
		{defines: "BREAK_NEWEST_FIRST"},
		{defines: "BREAK_OLD_DROPPED"},
		{defines: "BREAK_NEVER_TAKEN_BACK"},
		{defines: "BREAK_COUNT_READ_BEFORE_WORD"},
		{defines: "BREAK_COUNTED_LATE"},
		{defines: "BREAK_COUNTS_SLEEPERS"},
		{defines: twoWaiters + "BREAK_LAST_DOES_NOT_COUNT"},
		{defines: twoWaiters + "BREAK_LAST_DOES_NOT_COMPARE"},
		{defines: twoWaiters + "OPENS=1 BREAK_EPOCH_BY_GATE"},
		{defines: twoWaiters + "OPENS=1 CANCELS=1 BREAK_LEAVER_CLEARS_CROWD"},
		{defines: twoWaiters + "BREAK_RESET_TAKES_GRANTS"},
		{defines: twoWaiters + "BREAK_NEWCOMER_TAKES_GRANT"},
		{defines: twoWaiters + "BREAK_SIGNAL_WITHOUT_GRANT"},
		{defines: twoWaiters + "BREAK_LAST_GRANT_LEAVES_SIGNAL"},
	})
}

// TestSeveralHolds searches waits for several objects as they are.
func TestSeveralHolds(t *testing.T) {
	hold(t, "several", []search{
		{defines: free + "KILLS=1"},
		{defines: free + "STOPS", long: true},
		{defines: "KILLS=0"},
		{defines: free + "OBJECTS=3 KILLS=0"},
		{defines: free + globalMutex + "WANTS2=1"},
		{defines: free + "LIMIT=1 SIGNALS=2 KILLS=0"},
		{defines: free + "KILLS=0", kind: liveness},
		{defines: "KILLS=1", long: true},
		{defines: pair + "KILLS=1", long: true},
		{defines: free + mates + "KILLS=1", long: true},
		{defines: twoLots + free, long: true},
		{defines: free + forAll + "KILLS=1", long: true},
		{defines: free + "KILLS=2", long: true},
		{defines: "OBJECTS=3 KILLS=0", long: true},
		{defines: forAll + "KILLS=0", long: true},
		{defines: free + globalMutex, long: true},
		{defines: free + "LIMIT=1 KILLS=1", long: true},
		{defines: free + "GLOBAL=2", long: true},
		{defines: free + pair + globalMutex, long: true},
		{defines: free + mates + globalMutex, long: true},
		{defines: free + bothLots, long: true},
		{defines: free + globalMutex + "WANTS2=2 KILLS=1", kind: liveness, long: true},
	})
}

// TestSeveralBreak searches variants that are wrong.
func TestSeveralBreak(t *testing.T) {
	refuse(t, "several", []search{
		{defines: free + "BREAK_APPLY_WITHOUT_DECISION"},
		{defines: free + "BREAK_DECISION_IGNORED"},
		{defines: forAll + "KILLS=0 BREAK_CALLERS_ORDER"},
		{defines: free + "STOPS BREAK_WAITS_HOLDING"},
		{defines: free + "BREAK_GATE_LEFT_CLOSED"},
		{defines: free + "BREAK_GATES_ALIKE"},
		{defines: free + "KILLS=0 BREAK_NO_MARK"},
		{defines: free + "KILLS=0 BREAK_MARK_IGNORED"},
		{defines: "BREAK_TAKEOVER_AT_BELL"},
		{defines: "KILLS=0 BREAK_NO_RECHECK"},
		{defines: "KILLS=0 BREAK_WAKE_BEFORE_CHANGE"},
		{defines: "KILLS=0 BREAK_WAKES_NOT_MOVED"},
		{defines: free + "BREAK_WAKES_NOT_MOVED_BY_REPAIR", long: true},
		{defines: twoLots + free + "BREAK_DECISION_STAYS"},
		{defines: twoLots + free + "BREAK_TWO_AT_ONCE"},
		{defines: free + globalMutex + "WANTS2=1 BREAK_NOT_REFERRED"},
		{defines: free + globalMutex + "WANTS2=1 BREAK_REFERS_LATE"},
		{defines: free + globalMutex + "WANTS2=1 BREAK_REFERENCE_ENDS_EARLY"},
		{defines: free + bothLots + "BREAK_REFERENCE_STAYS"},
		{defines: free + "LIMIT=1 SIGNALS=2 KILLS=0 BREAK_REFUSES_BEHIND_GATE"},
		{defines: free + "KILLS=2 BREAK_REPAIRS_IN_TWO", long: true},
		{defines: free + "KILLS=2 BREAK_DECISION_READ_BEFORE_DEATH", long: true},
	})
}

// hold runs the searches and fails for each that finds an error.
func hold(t *testing.T, model string, searches []search) {
	t.Helper()
	each(t, model, searches, func(t *testing.T, found result) {
		t.Helper()
		if found.errors != 0 {
			t.Errorf("Spin found an error:\n%s\n%s", found.output, found.trail())
		}
	})
}

// refuse runs the searches and fails for each that finds nothing.
func refuse(t *testing.T, model string, searches []search) {
	t.Helper()
	each(t, model, searches, func(t *testing.T, found result) {
		t.Helper()
		if found.errors == 0 {
			t.Errorf("Spin found nothing wrong:\n%s", found.output)
		}
	})
}

// each runs the searches of one model, no more than atOnce side by side.
func each(t *testing.T, model string, searches []search, judge func(*testing.T, result)) {
	t.Helper()
	needTools(t)
	source, err := filepath.Abs(model + ".pml")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range searches {
		if s.long && os.Getenv(longVariable) == "" {
			continue // takes minutes
		}
		t.Run(s.name(), func(t *testing.T) {
			t.Parallel()
			turns <- struct{}{}
			defer func() { <-turns }()
			found := s.run(t, source)
			t.Logf("%d states, %d errors, %v", found.states, found.errors, found.took.Round(10*time.Millisecond))
			judge(t, found)
		})
	}
}

var turns = make(chan struct{}, atOnce)

// needTools skips the test if Spin or a C compiler is missing. Where everything
// is meant to run, that is a failure.
func needTools(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"spin", "gcc"} {
		_, err := exec.LookPath(tool)
		if err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed, and CI runs the models: apt-get install %[1]s (%v)", tool, err)
		}
		t.Skipf("%s is not installed: apt-get install %[1]s", tool)
	}
}

// name is how the search is called in the test's output.
func (s search) name() string {
	words := make([]string, 0, 8)
	for word := range strings.FieldsSeq(s.defines) {
		if word != "KINDS" && !strings.HasPrefix(word, "PROCESSES=3") {
			_, value, isKind := strings.Cut(word, "=")
			if !isKind || !strings.HasPrefix(word, "KIND") {
				value = word
			}
			words = append(words, value)
		}
	}
	if s.kind == liveness {
		words = append(words, "liveness")
	}
	return strings.Join(words, ",")
}

// A result is what a finished search found.
type result struct {
	errors, states int
	took           time.Duration
	output         string        // of the search
	trail          func() string // the steps that lead to the error, if there is one
}

// run has Spin make the search's program, compiles it, and runs it.
func (s search) run(t *testing.T, source string) result {
	t.Helper()
	dir := t.TempDir()
	var defines []string
	for word := range strings.FieldsSeq(s.defines) {
		defines = append(defines, "-D"+word)
	}
	// -O2 takes longer to compile than it saves. Most wrong variants are found
	// within a second.
	effort := "-O1"
	if strings.Contains(s.defines, "BREAK_") && !s.long && !strings.HasPrefix(s.defines, "KINDS") {
		effort = "-O0"
	}
	compile := []string{
		effort, "-w", "-DCOLLAPSE", "-DNOREDUCE", "-DVECTORSZ=1024", "-DNFAIR=3", fmt.Sprintf("-DMEMLIM=%d", memory),
		"-o", "pan", "pan.c",
	}
	search := []string{fmt.Sprintf("-m%d", depth), "-b", "-w22"} // 32 MB for the table
	if s.kind == liveness {
		defines = append(defines, "-DLIVENESS")
		search = append(search, "-a", "-f")
	} else {
		compile = append(compile, "-DSAFETY")
	}
	must(t, dir, "spin", append(defines, "-a", source)...)
	must(t, dir, "gcc", compile...)
	began := time.Now()
	found := read(t, must(t, dir, "./pan", search...))
	found.took = time.Since(began)
	found.trail = func() string { return trail(t, dir, source, defines) }
	return found
}

// must runs a program in dir, which is to succeed.
func must(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	output, err := cmd.CombinedOutput()
	if err = errors.Join(err, ctx.Err()); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, output)
	}
	return string(output)
}

var (
	errorCount = regexp.MustCompile(`errors: (\d+)`)
	stateCount = regexp.MustCompile(`(?m)^\s*([0-9.e+]+) states, stored`)
)

// read takes the numbers from a search's output. A search that did not get
// through says nothing, so it fails the test.
func read(t *testing.T, output string) result {
	t.Helper()
	found := result{output: output}
	count := errorCount.FindStringSubmatch(output)
	states := stateCount.FindStringSubmatch(output)
	if count == nil || states == nil {
		t.Fatalf("the search says no numbers:\n%s", output)
	}
	stored, err := strconv.ParseFloat(states[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	found.states = int(stored)
	if found.errors, err = strconv.Atoi(count[1]); err != nil {
		t.Fatal(err)
	}
	if found.states == 0 {
		t.Errorf("the search saw no states:\n%s", output)
	}
	for _, sign := range []string{"max search depth too small", "depth limit", "out of memory", "memory limit", "VECTORSZ"} {
		if strings.Contains(output, sign) {
			t.Errorf("the search did not get through: %s\n%s", sign, output)
		}
	}
	if found.errors == 0 && strings.Contains(output, "Search not completed") {
		t.Errorf("the search did not get through:\n%s", output)
	}
	return found
}

// trail replays the steps that lead to an error; the last of them tell most.
func trail(t *testing.T, dir, source string, defines []string) string {
	t.Helper()
	made, err := filepath.Glob(filepath.Join(dir, "*.trail"))
	if err != nil || len(made) != 1 {
		return fmt.Sprintf("no trail: %v %v", made, err)
	}
	cmd := exec.CommandContext(t.Context(), "spin", append(defines, "-p", "-k", made[0], source)...)
	cmd.Dir = dir
	output, _ := cmd.CombinedOutput() // it fails because it meets the error
	const most = 16 << 10
	if skip := len(output) - most; skip > 0 {
		output = bytes.Join([][]byte{[]byte("...\n"), output[skip:]}, nil)
	}
	return string(output)
}
