package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"atoll"
)

// openAs opens an object that exists, if check has nothing against its type.
func openAs(name string, access atoll.Access, check func(atoll.Type) error) (atoll.Object, error) {
	info, err := atoll.Stat(name)
	if err == nil {
		err = check(info.Type)
	}
	if err != nil {
		return nil, err
	}
	return openers[info.Type](name, access)
}

var openers = map[atoll.Type]func(name string, access atoll.Access) (atoll.Object, error){
	atoll.TypeSection:   opener(atoll.OpenSection),
	atoll.TypeMutex:     opener(atoll.OpenMutex),
	atoll.TypeSemaphore: opener(atoll.OpenSemaphore),
	atoll.TypeEvent:     opener(atoll.OpenEvent),
	atoll.TypeTimer:     opener(atoll.OpenTimer),
	atoll.TypeJob:       opener(atoll.OpenJob),
}

// opener makes a nil of type T, which comes with an error, a nil Object.
func opener[T atoll.Object](open func(string, atoll.Access) (T, error)) func(string, atoll.Access) (atoll.Object, error) {
	return func(name string, access atoll.Access) (atoll.Object, error) {
		o, err := open(name, access)
		if err != nil {
			return nil, err
		}
		return o, nil
	}
}

// change opens an object of type T for as long as it takes to change it.
func change[T atoll.Object](verb, name string, want atoll.Type, do func(T) error) (err error) {
	o, err := openAs(name, atoll.Modify, func(is atoll.Type) error {
		if is != want {
			return fmt.Errorf("%s is of type %s, which has no %s%s", show(name), is, verb, instead[is])
		}
		return nil
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	return do(o.(T))
}

// instead is how objects of a type are signaled.
var instead = map[atoll.Type]string{
	atoll.TypeSection:   ": atoll write changes its bytes",
	atoll.TypeMutex:     ": only its owner can release it, and atoll lock does when its command ends",
	atoll.TypeSemaphore: ": atoll release adds to its count",
	atoll.TypeEvent:     ": atoll set, reset and pulse change it",
	atoll.TypeTimer:     ": atoll timer sets it",
	atoll.TypeJob:       ": atoll job kill ends it",
}

func newSet() *cobra.Command {
	return eventVerb("set", "Signal an event", (*atoll.Event).Set,
		`Signal an event: a manual-reset one releases all who wait, now and later, until
it is reset; an auto-reset one releases one, now or later.`)
}

func newReset() *cobra.Command {
	return eventVerb("reset", "Take the signal of an event away", (*atoll.Event).Reset,
		`Take the signal of an event away. Who was released by it stays released.`)
}

func newPulse() *cobra.Command {
	return eventVerb("pulse", "Release who waits for an event now", (*atoll.Event).Pulse,
		`Release those who wait for an event now, all of a manual-reset one, or one of an
auto-reset one, and leave it reset.`)
}

func eventVerb(verb, short string, do func(*atoll.Event) error, long string) *cobra.Command {
	return &cobra.Command{
		Use:     verb + " NAME…",
		Short:   short,
		Long:    long + "\n\nThe event must exist: somebody has to hold it (atoll create event NAME).",
		Example: "  atoll " + verb + " go",
		Args:    some("the name of an event"),
		RunE: func(_ *cobra.Command, args []string) error {
			return eachName(args, func(name string) error { return change(verb, name, atoll.TypeEvent, do) })
		},
		ValidArgsFunction: completeNames(atoll.TypeEvent),
	}
}

func newRelease() *cobra.Command {
	var n int32
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "release NAME",
		Short: "Add to the count of a semaphore",
		Long: `Add to the count of a semaphore, which releases as many who wait. It prints the
count that there was before. If the count would pass the maximum, nothing
changes and the exit status is 1.`,
		Example: `  atoll release slots
  atoll release slots --count 3`,
		Args: exactly(1, "the name of a semaphore"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return change("release", args[0], atoll.TypeSemaphore, func(s *atoll.Semaphore) error {
				previous, err := s.Release(n)
				switch {
				case err != nil:
					return err
				case asJSON:
					return printJSON(cmd.OutOrStdout(), map[string]int32{"previous": previous})
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), previous)
				return err
			})
		},
		ValidArgsFunction: completeNames(atoll.TypeSemaphore),
	}
	cmd.Flags().Int32VarP(&n, "count", "n", 1, "how much to add")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

func newTimer() *cobra.Command {
	var after, every time.Duration
	var at string
	var cancel bool
	cmd := &cobra.Command{
		Use:   "timer NAME --after D [--every D]",
		Short: "Set or cancel a timer",
		Long: `Set a timer, which takes its signal away until it is due: in a while (--after,
which a change of the clock does not move), or at a time of the clock (--at).
--cancel stops it, and leaves its signal as it is.

The timer must exist: somebody has to hold it (atoll create timer NAME).`,
		Example: `  atoll timer tick --after 1s --every 500ms
  atoll timer backup --at 2030-01-31T03:00:00Z
  atoll timer tick --cancel`,
		Args: exactly(1, "the name of a timer"),
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := timerChange(cmd.Flags().Changed, after, every, at, cancel)
			if err != nil {
				return err
			}
			return change("timer", args[0], atoll.TypeTimer, set)
		},
		ValidArgsFunction: completeNames(atoll.TypeTimer),
	}
	flags := cmd.Flags()
	flags.DurationVar(&after, "after", 0, "due that long from now, such as 500ms, 1m; 0: at once")
	flags.StringVar(&at, "at", "", "due at this time, such as 2030-01-31T03:00:00Z")
	flags.DurationVar(&every, "every", 0, "and after that as often")
	flags.BoolVar(&cancel, "cancel", false, "stop it")
	return cmd
}

// timerChange is what the flags want done to a timer.
func timerChange(given func(string) bool, after, every time.Duration, at string, cancel bool) (func(*atoll.Timer) error, error) {
	n := 0
	for _, flag := range []string{"after", "at", "cancel"} {
		if given(flag) {
			n++
		}
	}
	switch {
	case n != 1:
		return nil, usage("atoll timer wants one of --after, --at and --cancel")
	case after < 0 || every < 0:
		return nil, usage("a time from now cannot be negative; --cancel stops the timer")
	case cancel && given("every"):
		return nil, usage("--every is for a timer that is set")
	case cancel:
		return (*atoll.Timer).Cancel, nil
	case given("at"):
		due, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return nil, usage("--at %q is no time such as 2030-01-31T03:00:00Z or 2030-01-31T03:00:00+01:00", at)
		}
		return func(t *atoll.Timer) error { return t.SetAt(due, every) }, nil
	}
	return func(t *atoll.Timer) error { return t.SetAfter(after, every) }, nil
}

// some wants one argument or more.
func some(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage("%s wants %s; try %s --help", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

// eachName does something to each name, and goes on behind an error.
func eachName(names []string, do func(name string) error) error {
	var failures []error
	for _, name := range names {
		failures = append(failures, do(name))
	}
	return errors.Join(failures...)
}

// completeNames completes the names of objects that exist, of these types; of all
// without any.
func completeNames(types ...atoll.Type) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, start string) (names []string, _ cobra.ShellCompDirective) {
		list, _ := listAll() // what can be seen
		for _, i := range list {
			if i.Alive && strings.HasPrefix(i.Name, start) && (len(types) == 0 || slices.Contains(types, i.Type)) {
				names = append(names, i.Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
