package atoll

import (
	"context"
	"errors"
	"iter"
	"net"
	"os/exec"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/namespace"
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

// takeAll is WaitAll where there is a way without the kernel: not here.
func takeAll([]Waitable) (bool, error) { return false, nil }

func kernelOwner(kernelObject) (int, error) { return 0, errNoUsers }

func kernelStart(cmd *exec.Cmd, inherit map[string]kernelObject) error {
	if len(inherit) == 0 {
		return cmd.Start()
	}
	return errNoPassing
}
func kernelInherited(string, layout.Type) (kernelObject, error)      { return nil, errNoPassing }
func kernelSend(*net.UnixConn, kernelObject, access.Request) error   { return errNoPassing }
func kernelReceive(*net.UnixConn, layout.Type) (kernelObject, error) { return nil, errNoPassing }
func kernelNameOf(kernelObject) string                               { return "" }
func kernelDuplicateFrom(int, uintptr, func(access.Kind) access.Request, layout.Type) (kernelObject, error) {
	return nil, errNoPassing
}

func kernelList(Scope) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) { yield(Info{}, errNoListing) }
}

func kernelStat(string) (Info, error) { return Info{}, errNoListing }

// kernelSweep has nothing to remove: Windows ends what nobody has a handle of.
func kernelSweep(Scope) (int, error) { return 0, nil }

func kernelBase() string { return "" }

func kernelDoctor() []Finding {
	return []Finding{
		{Level: LevelFine, Topic: "kernel", What: "the objects are Windows' own"},
		{
			Level: LevelNote, Topic: "system", What: "jobs, passing handles on, listing and private namespaces are not in package atoll on Windows",
			Why: "calls fail with errors.ErrUnsupported", Remedy: "use package win32 for them",
		},
	}
}

func kernelDoctorOf(int) ([]Finding, error)          { return nil, errNoDoctor }
func kernelDoctorOfPair(int, int) ([]Finding, error) { return nil, errNoDoctor }

// kernelSetup has nothing to do: Windows has the directories of names.
func kernelSetup(string, bool) ([]SetupStep, error) { return nil, nil }

type kernelPrivateNamespace struct{ Scope namespace.Scope }

func newPrivateNamespace(Boundary, string, *Security) (*kernelPrivateNamespace, error) {
	return nil, errNoPrivate
}

func openPrivateNamespace(Boundary, string) (*kernelPrivateNamespace, error) {
	return nil, errNoPrivate
}
func (*kernelPrivateNamespace) Path() string { return "" }
func (*kernelPrivateNamespace) Close() error { return errNoPrivate }

// kernelJob is never made.
type kernelJob struct{ *kernelEvent }

type (
	kernelJobStats JobStats
	kernelJobEvent struct {
		Kind uint8
		PID  int
	}
)

func openJob(string, intent, access.Request, layout.Flags, layout.JobLimits) (*kernelJob, bool, error) {
	return nil, false, errNoJobs
}

func kernelStartOutside(*exec.Cmd) error { return errNoJobs }

func (*kernelJob) Start(*exec.Cmd) (int, error)   { return 0, errNoJobs }
func (*kernelJob) Assign(int) error               { return errNoJobs }
func (*kernelJob) Processes() ([]int, error)      { return nil, errNoJobs }
func (*kernelJob) Has(int) (bool, error)          { return false, errNoJobs }
func (*kernelJob) Terminate(int) error            { return errNoJobs }
func (*kernelJob) Terminated() (int, bool, error) { return 0, false, errNoJobs }

func (*kernelJob) Stats() (kernelJobStats, error)                         { return kernelJobStats{}, errNoJobs }
func (*kernelJob) SetLimits(layout.JobLimits) error                       { return errNoJobs }
func (*kernelJob) Limits() (layout.JobLimits, error)                      { return layout.JobLimits{}, errNoJobs }
func (*kernelJob) WaitEmpty(context.Context) error                        { return errNoJobs }
func (*kernelJob) Watch(context.Context, func(kernelJobEvent) bool) error { return errNoJobs }
