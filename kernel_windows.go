package atoll

import (
	"errors"
	"os/exec"

	"atoll/internal/errs"
	"atoll/internal/onwindows"
)

// The kernel that this build calls: package onwindows.
type (
	intent         = onwindows.Intent
	kernelObject   = onwindows.Object
	kernelMutex    = onwindows.Mutex
	kernelEvent    = onwindows.Event
	kernelPrevious = onwindows.Previous

	kernelSemaphore   = onwindows.Semaphore
	kernelTimer       = onwindows.Timer
	kernelWaitable    = onwindows.Waitable
	kernelSignaler    = onwindows.Signaler
	kernelResult      = onwindows.Result
	kernelProcessWait = onwindows.ProcessWait
	kernelChannelWait = onwindows.ChannelWait
	kernelObjectError = onwindows.ObjectError

	kernelSection = onwindows.Section
	kernelView    = onwindows.View
)

const (
	mustCreate   = onwindows.MustCreate
	mustOpen     = onwindows.MustOpen
	createOrOpen = onwindows.CreateOrOpen
)

var (
	openMutex     = onwindows.OpenMutex
	openEvent     = onwindows.OpenEvent
	openSemaphore = onwindows.OpenSemaphore
	openTimer     = onwindows.OpenTimer
	openSection   = onwindows.OpenSection

	kernelWaitProcess   = onwindows.WaitProcess
	kernelWaitAny       = onwindows.WaitAny
	kernelWaitAll       = onwindows.WaitAll
	kernelSignalAndWait = onwindows.SignalAndWait

	kernelDuplicate = onwindows.Duplicate
	kernelSame      = onwindows.Same
)

// What this package does not do on Windows, and why; docs/PLATFORMS.md lists it.
var (
	errNoJobs    = errs.New(errors.ErrUnsupported, "package atoll has no jobs on Windows; package win32 has them (CreateJobObject)")
	errNoPassing = errs.New(errors.ErrUnsupported, "package atoll passes no handles to other processes on Windows; give the object a name, or use DuplicateHandle of package win32")
	errNoUsers   = errs.New(errors.ErrUnsupported, "users of Windows have no numbers")
	errNoPrivate = errs.New(errors.ErrUnsupported, "a boundary has numbers of users and groups, which Windows does not have; open the private namespace by package win32, and its alias is a prefix of names here too")
	errNoListing = errs.New(errors.ErrUnsupported, "package atoll does not list the objects of Windows")
	errNoDoctor  = errs.New(errors.ErrUnsupported, "processes of Windows see each other's objects if they are of one session, or by names in Global")
)

func kernelStart(cmd *exec.Cmd, inherit map[string]kernelObject) error {
	if len(inherit) == 0 {
		return cmd.Start()
	}
	return errNoPassing
}

// kernelSweep has nothing to remove: Windows ends what nobody has a handle of.
func kernelSweep(Scope) (int, error) { return 0, nil }

func kernelDoctor() []Finding {
	return []Finding{
		{Level: LevelFine, Topic: "kernel", What: "the objects are Windows' own"},
		{
			Level: LevelNote, Topic: "system", What: "jobs, passing handles on, listing and private namespaces are not in package atoll on Windows",
			Why: "calls fail with errors.ErrUnsupported", Remedy: "use package win32 for them",
		},
	}
}

// kernelSetup has nothing to do: Windows has the directories of names.
func kernelSetup(string, bool) ([]SetupStep, error) { return nil, nil }
