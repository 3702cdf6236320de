//go:build !linux

package atoll

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"time"

	"atoll/internal/access"
)

// There is no kernel for this system yet: every call that makes or opens an
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
func (noHandle) Close() error        { return errSystem }

type kernelPrevious struct {
	PID     int
	Command string
	Since   time.Time
}

type kernelMutex struct{ noHandle }

func openMutex(string, intent, access.Mask, bool) (*kernelMutex, bool, error) {
	return nil, false, errSystem
}

func (*kernelMutex) Lock(context.Context) (*kernelPrevious, error) { return nil, errSystem }
func (*kernelMutex) TryLock() (bool, *kernelPrevious, error)       { return false, nil, errSystem }
func (*kernelMutex) Unlock() error                                 { return errSystem }

type kernelEvent struct{ noHandle }

func openEvent(string, intent, access.Mask, bool, bool) (*kernelEvent, bool, error) {
	return nil, false, errSystem
}

func (*kernelEvent) Set() error                 { return errSystem }
func (*kernelEvent) Reset() error               { return errSystem }
func (*kernelEvent) Wait(context.Context) error { return errSystem }
func (*kernelEvent) TryWait() (bool, error)     { return false, errSystem }

func kernelList(Scope) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) { yield(Info{}, errSystem) }
}

func kernelStat(string) (Info, error) { return Info{}, errSystem }
func kernelSweep(Scope) (int, error)  { return 0, errSystem }
