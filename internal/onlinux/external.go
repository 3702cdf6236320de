//go:build linux

package onlinux

import (
	"atoll/internal/ending"
	"atoll/internal/wait"
)

// ProcessWait lets a wait end with a process.
type ProcessWait struct{ *ending.Process }

// WaitProcess opens the process that has the pid now.
func WaitProcess(pid int) (*ProcessWait, error) {
	p, err := ending.Open(pid)
	if err != nil {
		return nil, err
	}
	return &ProcessWait{p}, nil
}

func (p *ProcessWait) join() (wait.Target, error) { //nolint:unparam // as all Waitables
	return wait.Target{External: p}, nil
}

func (p *ProcessWait) leave() {}

func (p *ProcessWait) took(wait.Outcome) (*Previous, error) { return nil, nil }

// ChannelWait lets a wait end with a value from a channel.
type ChannelWait struct{ wait.External }

func (c ChannelWait) join() (wait.Target, error) { //nolint:unparam // as all Waitables
	return wait.Target{External: c.External}, nil
}

func (c ChannelWait) leave() {}

func (c ChannelWait) took(wait.Outcome) (*Previous, error) { return nil, nil }
