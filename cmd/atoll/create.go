package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"atoll"
)

const createLong = `Create an object and hold it: while a command runs, whose exit status is then
returned, or without one until this command is interrupted. The object lives on
as long as any other process has a handle to it.

TYPE is section, mutex, semaphore, event, timer or job.

Signals (SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2) are passed on to
the command. If atoll is killed, the command is killed as well, unless --keep
is given; to end all that it started, run it by atoll job run --kill-on-close.
If atoll itself fails while a command was given, the exit status is 125; a
command ended by signal N gives 128+N.`

const createExample = `  atoll create mutex build-lock &
  atoll create event go --manual -- ./worker.sh
  atoll create section prices --size 1M --json
  atoll create section table --file table.bin -- ./indexer
  atoll create semaphore slots --max 4 --initial 4
  atoll create timer tick --after 1s --every 1s
  atoll create event 'Global\go' --manual --mode 644
  atoll create mutex once --owned --or-open -- make
  atoll create job workers --kill-on-close -- ./start-workers`

// createFlags are the flags of create; each belongs to certain types.
type createFlags struct {
	orOpen, asJSON, keep bool

	size       byteCount
	file       string
	protection string
	reserve    bool
	largePages bool

	owned            bool
	initial, maximum int32
	manual, signaled bool
	after, every     time.Duration
	set              bool // --after was given
	killOnClose      bool

	security *atoll.Security
}

// flagTypes says which types a flag is for; the others are for all.
var flagTypes = map[string][]atoll.Type{
	"size": {atoll.TypeSection}, "file": {atoll.TypeSection}, "protection": {atoll.TypeSection},
	"reserve": {atoll.TypeSection}, "large-pages": {atoll.TypeSection},
	"owned":   {atoll.TypeMutex},
	"initial": {atoll.TypeSemaphore}, "max": {atoll.TypeSemaphore},
	"manual": {atoll.TypeEvent, atoll.TypeTimer}, "signaled": {atoll.TypeEvent},
	"after": {atoll.TypeTimer}, "every": {atoll.TypeTimer},
	"kill-on-close": {atoll.TypeJob},
}

func newCreate() *cobra.Command {
	f := &createFlags{}
	cmd := &cobra.Command{
		Use:     "create TYPE NAME [flags] [-- COMMAND…]",
		Short:   "Create an object, and hold it while a command runs",
		Long:    createLong,
		Example: createExample,
		Args: func(cmd *cobra.Command, args []string) error {
			return checkCreate(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.set = cmd.Flags().Changed("after")
			return create(cmd, f, args[0], args[1], args[2:])
		},
		ValidArgs: []string{"section", "mutex", "semaphore", "event", "timer", "job"},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.orOpen, "or-open", false, "if it exists already, hold the existing one")
	flags.BoolVar(&f.asJSON, "json", false, "print what was created as a JSON object")
	flags.BoolVar(&f.keep, "keep", false, "if atoll is killed (kill -9), let the command go on")
	flags.Var(&f.size, "size", "section: its size, such as 4096, 64K, 1M, 2G")
	flags.StringVar(&f.file, "file", "", "section: over this file, which grows to --size, and is made if it is missing")
	flags.StringVar(&f.protection, "protection", "read-write", "section: the most that views may do: "+strings.Join(protectionNames(), ", "))
	flags.BoolVar(&f.reserve, "reserve", false, "section: take memory only when it is touched")
	flags.BoolVar(&f.largePages, "large-pages", false, "section: in large pages")
	flags.BoolVar(&f.killOnClose, "kill-on-close", false, "job: end its processes with its last handle (atoll job run --or-open starts some)")
	flags.BoolVar(&f.owned, "owned", false, "mutex: own it from the beginning")
	flags.Int32Var(&f.initial, "initial", 0, "semaphore: the count to begin with")
	flags.Int32Var(&f.maximum, "max", 0, "semaphore: the most that the count can be; it needs one")
	flags.BoolVar(&f.manual, "manual", false, "event: stays set until it is reset; timer: until it is set again")
	flags.BoolVar(&f.signaled, "signaled", false, "event: set from the beginning")
	flags.DurationVar(&f.after, "after", 0, "timer: due that long after it was made, such as 500ms, 1m; without, it is not set")
	flags.DurationVar(&f.every, "every", 0, "timer: and after that as often; needs --after")
	flags.Var(&rightsFlag{kind: "octal", read: readMode, to: &f.security}, "mode", "who may read, and write, as for chmod: owner, group, others (default 600)")
	flags.Var(&rightsFlag{kind: "text", read: readSDDL, to: &f.security}, "sddl", "who may do what, as a Windows security descriptor; S-1-22-1-UID is a user, S-1-22-2-GID a group")
	return cmd
}

// checkCreate looks at the arguments: TYPE NAME, then a command behind "--".
func checkCreate(cmd *cobra.Command, args []string) error {
	own := len(args)
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		own = dash
		if len(args) == dash {
			return usage("there is no command behind --; leave -- out to hold the object until interrupted")
		}
	}
	switch {
	case own < 2:
		return usage("atoll create wants a type and a name; try atoll create --help")
	case own > 2:
		return usage("atoll create wants one type and one name; put -- before the command to run: -- %s", strings.Join(args[2:], " "))
	case args[1] == "":
		return usage("an unnamed object could not be found by anybody; give it a name")
	}
	if file := cmd.Flags().Lookup("file"); file.Changed && file.Value.String() == "" {
		return usage("--file names no file")
	}
	if cmd.Flags().Changed("mode") && cmd.Flags().Changed("sddl") {
		return usage("--mode and --sddl both say who may do what; give one of them")
	}
	var t atoll.Type
	if err := t.UnmarshalText([]byte(args[0])); err != nil {
		return usage("%q is no type; section, mutex, semaphore, event, timer and job are", args[0])
	}
	return checkFlags(t, cmd.Flags().Changed)
}

// checkFlags looks at which flags were given: they must be the type's, and enough.
func checkFlags(t atoll.Type, given func(flag string) bool) error {
	for name, types := range flagTypes {
		if given(name) && !slices.Contains(types, t) {
			return usage("--%s is not for the type %s, but for %s", name, t, types[0])
		}
	}
	switch {
	case t == atoll.TypeSection && !given("size") && !given("file"):
		return usage("a section needs --size, or --file")
	case t == atoll.TypeSemaphore && !given("max"):
		return usage("a semaphore needs --max: the most that its count can be")
	case given("every") && !given("after"):
		return usage("--every needs --after: when the timer is due first")
	}
	return nil
}

// creators make an object of a type.
var creators = map[atoll.Type]func(name string, f *createFlags) (o atoll.Object, created bool, err error){
	atoll.TypeSection: createSection,
	atoll.TypeMutex: func(name string, f *createFlags) (atoll.Object, bool, error) {
		return obtain(f, name, atoll.MutexOptions{InitiallyOwned: f.owned, Security: f.security}, atoll.CreateMutex, atoll.CreateOrOpenMutex)
	},
	atoll.TypeEvent: func(name string, f *createFlags) (atoll.Object, bool, error) {
		return obtain(f, name, atoll.EventOptions{ManualReset: f.manual, Signaled: f.signaled, Security: f.security}, atoll.CreateEvent, atoll.CreateOrOpenEvent)
	},
	atoll.TypeSemaphore: func(name string, f *createFlags) (atoll.Object, bool, error) {
		return obtain(f, name, atoll.SemaphoreOptions{Initial: f.initial, Max: f.maximum, Security: f.security}, atoll.CreateSemaphore, atoll.CreateOrOpenSemaphore)
	},
	atoll.TypeTimer: createTimer,
	atoll.TypeJob: func(name string, f *createFlags) (atoll.Object, bool, error) {
		return obtain(f, name, atoll.JobOptions{KillOnClose: f.killOnClose, Security: f.security}, atoll.CreateJob, atoll.CreateOrOpenJob)
	},
}

// createTimer makes a timer, and sets it if it is new and is to be due.
func createTimer(name string, f *createFlags) (atoll.Object, bool, error) {
	o, created, err := obtain(f, name, atoll.TimerOptions{ManualReset: f.manual, Security: f.security}, atoll.CreateTimer, atoll.CreateOrOpenTimer)
	if err != nil || !created || !f.set {
		return o, created, err
	}
	if err := o.(*atoll.Timer).SetAfter(f.after, f.every); err != nil {
		return nil, false, errors.Join(err, o.Close())
	}
	return o, true, nil
}

// obtain creates an object, or opens the existing one if --or-open allows it.
func obtain[T atoll.Object, O any](
	f *createFlags, name string, options O,
	create func(string, O) (T, error), createOrOpen func(string, O) (T, bool, error),
) (o atoll.Object, created bool, err error) {
	var t T
	if f.orOpen {
		t, created, err = createOrOpen(name, options)
	} else {
		t, err = create(name, options)
		created = true
	}
	if err != nil {
		return nil, false, err
	}
	return t, created, nil
}

// create makes the object and holds it.
func create(cmd *cobra.Command, f *createFlags, typ, name string, command []string) (err error) {
	if len(command) > 0 {
		defer func() { err = ownFailure(err) }()
	}
	var t atoll.Type
	if err := t.UnmarshalText([]byte(typ)); err != nil {
		return err
	}
	// Before the object exists: a signal that comes as soon as it does must not
	// end this process without closing it.
	signals, stop := notify()
	defer stop()
	o, created, err := creators[t](name, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if err := announce(cmd, f, o, created, len(command) > 0); err != nil {
		return err
	}
	if len(command) == 0 {
		awaitEnd(signals)
		return nil
	}
	return runCommand(command, signals, f.keep)
}

// awaitEnd waits for a signal that ends a process; others are for commands.
func awaitEnd(signals <-chan os.Signal) {
	for s := range signals {
		if !slices.Contains(otherSignals, s) {
			return
		}
	}
}

// createdItem is what create --json prints.
type createdItem struct {
	item
	New bool `json:"new"` // false: it existed, and is held now
}

// announce says what was made. A command's output stays its own: beside it we
// speak only if asked to, by --json.
func announce(cmd *cobra.Command, f *createFlags, o atoll.Object, created, quiet bool) error {
	if f.asJSON {
		info, err := atoll.Stat(o.Name())
		if err != nil {
			return err
		}
		return printJSON(cmd.OutOrStdout(), createdItem{itemOf(info), created})
	}
	if quiet {
		return nil
	}
	verb := "created"
	if !created {
		verb = "opened"
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s %s; process %d holds it until it is interrupted (Ctrl-C)\n",
		verb, o.Type(), show(o.Name()), os.Getpid())
	return err
}
