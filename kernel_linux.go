package atoll

import (
	"iter"

	"atoll/internal/access"
	"atoll/internal/boundary"
	"atoll/internal/doctor"
	"atoll/internal/job"
	"atoll/internal/layout"
	"atoll/internal/namespace"
	"atoll/internal/onlinux"
	"atoll/internal/setup"
	"atoll/internal/space"
)

// The kernel that this build calls: package onlinux.
type (
	intent         = onlinux.Intent
	kernelObject   = onlinux.Object
	kernelMutex    = onlinux.Mutex
	kernelEvent    = onlinux.Event
	kernelPrevious = onlinux.Previous

	kernelSemaphore   = onlinux.Semaphore
	kernelTimer       = onlinux.Timer
	kernelJob         = onlinux.Job
	kernelJobEvent    = job.Event
	kernelWaitable    = onlinux.Waitable
	kernelSignaler    = onlinux.Signaler
	kernelResult      = onlinux.Result
	kernelProcessWait = onlinux.ProcessWait
	kernelChannelWait = onlinux.ChannelWait
	kernelObjectError = onlinux.ObjectError

	kernelPrivateNamespace = space.PrivateNamespace

	kernelSection = onlinux.Section
	kernelView    = onlinux.View
)

const (
	mustCreate   = onlinux.MustCreate
	mustOpen     = onlinux.MustOpen
	createOrOpen = onlinux.CreateOrOpen
)

var (
	openMutex = onlinux.OpenMutex
	openEvent = onlinux.OpenEvent

	openSemaphore = onlinux.OpenSemaphore
	openTimer     = onlinux.OpenTimer
	openJob       = onlinux.OpenJob

	kernelStartOutside = job.Breakaway

	kernelWaitProcess   = onlinux.WaitProcess
	kernelWaitAny       = onlinux.WaitAny
	kernelWaitAll       = onlinux.WaitAll
	kernelSignalAndWait = onlinux.SignalAndWait

	openSection = onlinux.OpenSection

	kernelDuplicate = onlinux.Duplicate
	kernelOwner     = onlinux.OwnerOf
	kernelSame      = onlinux.Same

	kernelStart         = onlinux.Start
	kernelInherited     = onlinux.Inherited
	kernelSend          = onlinux.Send
	kernelReceive       = onlinux.Receive
	kernelDuplicateFrom = onlinux.DuplicateFrom
	kernelNameOf        = onlinux.NameOf
)

func kernelList(scope Scope) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for i, err := range space.List(namespace.Scope(scope)) {
			if !yield(infoOf(i), err) {
				return
			}
		}
	}
}

func kernelStat(name string) (Info, error) {
	i, err := space.Stat(name)
	return infoOf(i), err
}

func kernelSweep(scope Scope) (int, error) { return space.Sweep(namespace.Scope(scope)) }

func newPrivateNamespace(b Boundary, alias string, s *Security) (*kernelPrivateNamespace, error) {
	k, err := boundary.New(b.Name, b.Users, b.Groups)
	if err != nil {
		return nil, err
	}
	return space.NewPrivateNamespace(k, alias, s.kernel(access.Section))
}

func openPrivateNamespace(b Boundary, alias string) (*kernelPrivateNamespace, error) {
	k, err := boundary.New(b.Name, b.Users, b.Groups)
	if err != nil {
		return nil, err
	}
	return space.OpenPrivateNamespace(k, alias)
}

func kernelBase() string { return namespace.Base() }

func kernelDoctor() []Finding { return findingsOf(doctor.Examine()) }

func kernelDoctorOf(pid int) ([]Finding, error) {
	findings, err := doctor.Compare(pid)
	return findingsOf(findings), err
}

func kernelDoctorOfPair(one, other int) ([]Finding, error) {
	findings, err := doctor.ComparePair(one, other)
	return findingsOf(findings), err
}

func findingsOf(list []doctor.Finding) []Finding {
	findings := make([]Finding, len(list))
	for i, f := range list {
		findings[i] = Finding{Level: Level(f.Level), Topic: f.Topic, What: f.What, Why: f.Why, Remedy: f.Remedy}
	}
	return findings
}

func kernelSetup(snippets string, apply bool) ([]SetupStep, error) {
	plan, err := setup.Plan(namespace.Base(), snippets)
	if err == nil && apply {
		err = setup.Apply(plan)
	}
	steps := make([]SetupStep, len(plan))
	for i, s := range plan {
		steps[i] = SetupStep{What: s.What, Command: s.Command, Done: s.Done}
	}
	return steps, err
}

func infoOf(k space.Info) Info {
	h := &k.Header
	i := Info{
		Name: k.Name, Type: Type(h.Type), Size: h.Size, File: h.Path, Creator: int(h.PID),
		Reserve: h.Has(layout.FlagReserve), LargePages: h.Has(layout.FlagLargePages), ManualReset: h.Has(layout.FlagManualReset),
		Resident: k.Resident, Signaled: k.Signaled, Abandoned: k.Abandoned, Waiters: k.Waiters,
		Alive: k.Alive, Mode: k.Mode, UID: k.UID, GID: k.GID, ACL: k.ACL, Created: k.Created, Path: k.Path,
		Count: k.Count, Max: int32(h.Limit), Due: k.Due, Period: Duration(k.Period),
		Owner: (*Process)(k.Owner), Busy: (*Process)(k.Busy),
		Holders: processesOf(k.Holders), Viewers: processesOf(k.Viewers),
	}
	if k.Protection != 0 {
		i.Protection = k.Protection.String()
	}
	if !k.OwnerSince.IsZero() {
		i.OwnerSince = &k.OwnerSince
	}
	for _, p := range k.Waiting {
		i.Waiting = append(i.Waiting, Process(p))
	}
	if k.Problem != nil {
		i.Problem = k.Problem.Error()
	}
	return i
}

// processesOf never returns nil, so that JSON has an empty list.
func processesOf(list []space.Process) []Process {
	processes := make([]Process, len(list))
	for i, p := range list {
		processes[i] = Process(p)
	}
	return processes
}
