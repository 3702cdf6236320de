//go:build linux

package onlinux

import (
	"context"
	"runtime"
	"unsafe"

	"atoll/internal/access"
	"atoll/internal/check"
)

// plain is a handle of an object that nobody owns: an event, a semaphore or a
// timer.
type plain struct {
	syncHandle
	quick
}

func (p *plain) init(h *syncHandle) {
	p.syncHandle = *h
	p.enable()
}

// Wait waits until the object is signaled, and consumes the signal where it has
// one to consume.
func (p *plain) Wait(ctx context.Context) error {
	if p.take() {
		return nil
	}
	if err := p.begin(access.Wait); err != nil {
		return err
	}
	defer p.finish()
	_, err := p.att.Acquire(ctx, p.done)
	p.lowered()
	return p.waited(err)
}

// TryWait is Wait without waiting.
func (p *plain) TryWait() (bool, error) {
	if p.take() {
		return true, nil
	}
	if err := p.begin(access.Wait); err != nil {
		return false, err
	}
	defer p.finish()
	_, ok, err := p.att.Try()
	if !ok {
		return false, err
	}
	return true, p.waited(err)
}

// take is the fast path of both that looks: the signal is there, and nobody is in
// the way.
func (p *plain) take() bool {
	if !p.may(access.Wait) || !p.att.TryTake() {
		return false
	}
	p.lowered()
	return p.waited(nil) == nil
}

func (p *plain) waited(err error) error {
	if err == nil {
		check.Acquire(unsafe.Pointer(p.att))
	}
	runtime.KeepAlive(p)
	return err
}

// Close closes the handle and ends the waits through it.
func (p *plain) Close() error {
	if !p.shut() {
		return errClosed
	}
	p.disable()
	p.att.Recall()
	p.awaitInside()
	return p.shutSync()
}
