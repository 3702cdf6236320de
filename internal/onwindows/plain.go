//go:build windows

package onwindows

import "context"

// plain is a handle of an object that nobody owns: an event, a semaphore or a timer.
type plain struct{ *handle }

// Wait waits until the object is signaled, and takes the signal where it has one to
// take.
func (p *plain) Wait(ctx context.Context) error {
	_, err := waitSeveral(ctx, []Waitable{p}, false)
	return single(err)
}

// TryWait is Wait without waiting.
func (p *plain) TryWait() (bool, error) {
	_, err := waitSeveral(overCtx, []Waitable{p}, false)
	return tried(err)
}

// Publish and QuickTake belong to a way without the kernel: there is none here.
func (p *plain) Publish() {}

// QuickTake is as Publish.
func (p *plain) QuickTake() bool { return false }
