//go:build !linux && !windows

package atoll

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"os"
	"os/exec"
	"runtime"
	"time"

	"atoll/internal/access"
	"atoll/internal/layout"
	"atoll/internal/namespace"
	"atoll/internal/section"
)

// There is no kernel for this system: every call that makes or opens an
// object says so, and nothing else can be called without one.

var errSystem = fmt.Errorf("no Atoll kernel for %s: %w", runtime.GOOS, errors.ErrUnsupported)

type intent uint8

const (
	mustCreate intent = iota
	mustOpen
	createOrOpen
)

type noHandle struct{}

func (noHandle) Rights() access.Mask { return 0 }
func (noHandle) Descriptor() uintptr { return ^uintptr(0) }
func (noHandle) Close() error        { return errSystem }

type kernelObject interface {
	Rights() access.Mask
	Descriptor() uintptr
	Close() error
}

func kernelDuplicate(kernelObject, access.Request) (kernelObject, error) { return nil, errSystem }
func kernelOwner(kernelObject) (int, error)                              { return 0, errSystem }
func kernelSame(kernelObject, kernelObject) bool                         { return false }

func kernelStart(*exec.Cmd, map[string]kernelObject) error           { return errSystem }
func kernelInherited(string, layout.Type) (kernelObject, error)      { return nil, errSystem }
func kernelSend(*net.UnixConn, kernelObject, access.Request) error   { return errSystem }
func kernelReceive(*net.UnixConn, layout.Type) (kernelObject, error) { return nil, errSystem }
func kernelNameOf(kernelObject) string                               { return "" }
func kernelDuplicateFrom(int, uintptr, func(access.Kind) access.Request, layout.Type) (kernelObject, error) {
	return nil, errSystem
}

type kernelPrevious struct {
	PID     int
	Command string
	Since   time.Time
}

type kernelMutex struct{ noHandle }

func openMutex(string, intent, access.Request, bool) (*kernelMutex, bool, error) {
	return nil, false, errSystem
}

func (*kernelMutex) TakeSole() (taken, sole bool) { return false, false }
func (*kernelMutex) GiveSole() bool               { return false }
func (*kernelMutex) Lock(context.Context, bool) (*kernelPrevious, error) {
	return nil, errSystem
}
func (*kernelMutex) TryLock(bool) (bool, *kernelPrevious, error) { return false, nil, errSystem }
func (*kernelMutex) Unlock() error                               { return errSystem }

type kernelEvent struct{ noHandle }

func openEvent(string, intent, access.Request, bool, bool) (*kernelEvent, bool, error) {
	return nil, false, errSystem
}

func (*kernelEvent) Set() error                 { return errSystem }
func (*kernelEvent) Reset() error               { return errSystem }
func (*kernelEvent) Pulse() error               { return errSystem }
func (*kernelEvent) Wait(context.Context) error { return errSystem }
func (*kernelEvent) Publish()                   {}
func (*kernelEvent) QuickSee() bool             { return false }
func (*kernelEvent) QuickTake() bool            { return false }
func (*kernelEvent) QuickSet() bool             { return false }
func (*kernelEvent) TryWait() (bool, error)     { return false, errSystem }

type kernelSemaphore struct{ noHandle }

func openSemaphore(string, intent, access.Request, int32, int32) (*kernelSemaphore, bool, error) {
	return nil, false, errSystem
}

func (*kernelSemaphore) Release(int32) (int32, error) { return 0, errSystem }
func (*kernelSemaphore) Wait(context.Context) error   { return errSystem }
func (*kernelSemaphore) Publish()                     {}
func (*kernelSemaphore) QuickTake() bool              { return false }
func (*kernelSemaphore) QuickRelease() (int32, bool)  { return 0, false }
func (*kernelSemaphore) TryWait() (bool, error)       { return false, errSystem }

type kernelTimer struct{ noHandle }

func openTimer(string, intent, access.Request, bool) (*kernelTimer, bool, error) {
	return nil, false, errSystem
}

func (*kernelTimer) SetAfter(time.Duration, time.Duration) error { return errSystem }
func (*kernelTimer) SetAt(time.Time, time.Duration) error        { return errSystem }
func (*kernelTimer) Cancel() error                               { return errSystem }
func (*kernelTimer) Wait(context.Context) error                  { return errSystem }
func (*kernelTimer) TryWait() (bool, error)                      { return false, errSystem }

type kernelJob struct{ noHandle }

type (
	kernelJobStats JobStats
	kernelJobEvent struct {
		Kind uint8
		PID  int
	}
)

func openJob(string, intent, access.Request, layout.Flags, layout.JobLimits) (*kernelJob, bool, error) {
	return nil, false, errSystem
}

func kernelStartOutside(*exec.Cmd) error { return errSystem }

func (*kernelJob) Start(*exec.Cmd) (int, error)   { return 0, errSystem }
func (*kernelJob) Assign(int) error               { return errSystem }
func (*kernelJob) Processes() ([]int, error)      { return nil, errSystem }
func (*kernelJob) Has(int) (bool, error)          { return false, errSystem }
func (*kernelJob) Terminate(int) error            { return errSystem }
func (*kernelJob) Terminated() (int, bool, error) { return 0, false, errSystem }

func (*kernelJob) Stats() (kernelJobStats, error)                         { return kernelJobStats{}, errSystem }
func (*kernelJob) SetLimits(layout.JobLimits) error                       { return errSystem }
func (*kernelJob) Limits() (layout.JobLimits, error)                      { return layout.JobLimits{}, errSystem }
func (*kernelJob) Wait(context.Context) error                             { return errSystem }
func (*kernelJob) TryWait() (bool, error)                                 { return false, errSystem }
func (*kernelJob) WaitEmpty(context.Context) error                        { return errSystem }
func (*kernelJob) Watch(context.Context, func(kernelJobEvent) bool) error { return errSystem }

type (
	kernelWaitable    any
	kernelSignaler    any
	kernelProcessWait struct{}
	kernelChannelWait struct{ External any }
	kernelObjectError struct {
		error
		Index int
		Err   error
	}
	kernelResult struct {
		Index    int
		Previous *kernelPrevious
	}
)

func kernelWaitProcess(int) (*kernelProcessWait, error) { return nil, errSystem }

func kernelWaitAny(context.Context, []kernelWaitable) (kernelResult, error) {
	return kernelResult{}, errSystem
}

func kernelWaitAll(context.Context, []kernelWaitable) (kernelResult, error) {
	return kernelResult{}, errSystem
}

func takeAll([]Waitable) (bool, error) { return false, nil }

func kernelSignalAndWait(context.Context, kernelSignaler, kernelWaitable) (kernelResult, error) {
	return kernelResult{}, errSystem
}

func kernelList(Scope) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) { yield(Info{}, errSystem) }
}

func kernelStat(string) (Info, error) { return Info{}, errSystem }
func kernelSweep(Scope) (int, error)  { return 0, errSystem }

func kernelBase() string                             { return "" }
func kernelDoctorOf(int) ([]Finding, error)          { return nil, errSystem }
func kernelDoctorOfPair(int, int) ([]Finding, error) { return nil, errSystem }
func kernelSetup(string, bool) ([]SetupStep, error)  { return nil, errSystem }
func kernelDoctor() []Finding {
	return []Finding{{Level: LevelProblem, Topic: "kernel", What: errSystem.Error(), Why: "nothing can be created or opened"}}
}

type kernelPrivateNamespace struct{ Scope namespace.Scope }

func newPrivateNamespace(Boundary, string, *Security) (*kernelPrivateNamespace, error) {
	return nil, errSystem
}

func openPrivateNamespace(Boundary, string) (*kernelPrivateNamespace, error) { return nil, errSystem }
func (*kernelPrivateNamespace) Path() string                                 { return "" }
func (*kernelPrivateNamespace) Close() error                                 { return errSystem }

type kernelSection struct{ noHandle }

func openSection(string, intent, section.Options) (*kernelSection, bool, error) {
	return nil, false, errSystem
}

func (*kernelSection) Size() int64             { return 0 }
func (*kernelSection) DataOffset() int64       { return 0 }
func (*kernelSection) File() (*os.File, error) { return nil, errSystem }
func (*kernelSection) Map(uintptr, access.Mask, int64, int64) (*kernelView, error) {
	return nil, errSystem
}

type kernelView struct{ noHandle }

func (*kernelView) Bytes() []byte                           { return nil }
func (*kernelView) Address() uintptr                        { return 0 }
func (*kernelView) Size() int64                             { return 0 }
func (*kernelView) ReadAt([]byte, int64) (int, error)       { return 0, errSystem }
func (*kernelView) WriteAt([]byte, int64) (int, error)      { return 0, errSystem }
func (*kernelView) Guard(func([]byte) error) (bool, error)  { return true, errSystem }
func (*kernelView) Flush(int64, int64) error                { return errSystem }
func (*kernelView) Prefetch(int64, int64) error             { return errSystem }
func (*kernelView) Pin(int64, int64) error                  { return errSystem }
func (*kernelView) Unpin(int64, int64) error                { return errSystem }
func (*kernelView) Commit(int64, int64) error               { return errSystem }
func (*kernelView) Protect(int64, int64, access.Mask) error { return errSystem }
