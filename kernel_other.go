//go:build !linux && !windows

package atoll

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"

	"atoll/internal/access"
	"atoll/internal/section"
)

// There is no kernel for this system: every call that makes or opens an
// object says so, and nothing else can be called without one.

var errSystem = fmt.Errorf("no Atoll kernel for %s: %w", runtime.GOOS, errors.ErrUnsupported)

// Why kernel_missing.go does nothing.
var (
	errNoJobs    = errSystem
	errNoPassing = errSystem
	errNoUsers   = errSystem
	errNoPrivate = errSystem
	errNoListing = errSystem
	errNoDoctor  = errSystem
)

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
func kernelSame(kernelObject, kernelObject) bool                         { return false }
func kernelStart(*exec.Cmd, map[string]kernelObject) error               { return errSystem }

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

func kernelSignalAndWait(context.Context, kernelSignaler, kernelWaitable) (kernelResult, error) {
	return kernelResult{}, errSystem
}

func kernelSweep(Scope) (int, error)                { return 0, errSystem }
func kernelSetup(string, bool) ([]SetupStep, error) { return nil, errSystem }
func kernelDoctor() []Finding {
	return []Finding{{Level: LevelProblem, Topic: "kernel", What: errSystem.Error(), Why: "nothing can be created or opened"}}
}

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

type kernelView struct{ section.View }

func (*kernelView) Close() error                            { return errSystem }
func (*kernelView) Flush(int64, int64) error                { return errSystem }
func (*kernelView) Prefetch(int64, int64) error             { return errSystem }
func (*kernelView) Pin(int64, int64) error                  { return errSystem }
func (*kernelView) Unpin(int64, int64) error                { return errSystem }
func (*kernelView) Commit(int64, int64) error               { return errSystem }
func (*kernelView) Protect(int64, int64, access.Mask) error { return errSystem }
