//go:build !linux

package atoll

import (
	"context"
	"iter"
	"net"
	"os/exec"

	"atoll/internal/access"
	"atoll/internal/layout"
	"atoll/internal/namespace"
)

// What only Linux's kernel does. Each system's file has the errors, which say why it
// does not.

// takeAll is WaitAll where there is a way without the kernel: not here.
func takeAll([]Waitable) (bool, error) { return false, nil }

func kernelOwner(kernelObject) (int, error) { return 0, errNoUsers }

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

func kernelBase() string { return "" }

func kernelDoctorOf(int) ([]Finding, error)          { return nil, errNoDoctor }
func kernelDoctorOfPair(int, int) ([]Finding, error) { return nil, errNoDoctor }

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
