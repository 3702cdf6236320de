package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"atoll"
)

// ledger is the record in the block of memory that both processes of the demo
// change, always under the mutex.
type ledger struct {
	Blocks uint64 // sent so far
	Bytes  uint64
	Begun  uint64 // a change has begun, …
	Ended  uint64 // … and ended: equal, unless somebody was killed in between
}

const ledgerSize = 4096

// demoObjects are what the processes of the demo share. Each section has a block
// for each direction; behind those in memory is the ledger.
type demoObjects struct {
	plan         demoPlan
	file, memory *atoll.Section
	views        [2]*atoll.View // of memory, of the file
	mutex        *atoll.Mutex
	ping, pong   *atoll.Event // for the reader, for the maker
	ledger       *ledger
}

// name is the full name of one of the demo's objects.
func (p demoPlan) name(short string) string { return p.Prefix + short }

// names are the names of all objects.
func (p demoPlan) names() (list []string) {
	for _, short := range []string{"file", "memory", "mutex", "ping", "pong"} {
		list = append(list, p.name(short))
	}
	return list
}

func (p demoPlan) fileSize() int64   { return 2 * p.Size }
func (p demoPlan) memorySize() int64 { return 2*p.Size + ledgerSize }

// create makes all objects; with an error the caller closes what is there.
func (o *demoObjects) create() (err error) {
	p := o.plan
	// The shared file is an ordinary one, new and empty.
	f, err := os.OpenFile(p.File, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if o.file, err = atoll.CreateSection(p.name("file"), atoll.SectionOptions{File: f, Size: p.fileSize()}); err != nil {
		return err
	}
	if o.memory, err = atoll.CreateSection(p.name("memory"), atoll.SectionOptions{Size: p.memorySize()}); err != nil {
		return err
	}
	if o.mutex, err = atoll.CreateMutex(p.name("mutex"), atoll.MutexOptions{}); err != nil {
		return err
	}
	if o.ping, err = atoll.CreateEvent(p.name("ping"), atoll.EventOptions{}); err != nil {
		return err
	}
	if o.pong, err = atoll.CreateEvent(p.name("pong"), atoll.EventOptions{}); err != nil {
		return err
	}
	return o.mapViews()
}

// open opens all objects, by name alone.
func (o *demoObjects) open() (err error) {
	p := o.plan
	if o.file, err = atoll.OpenSection(p.name("file"), 0); err != nil {
		return err
	}
	if o.memory, err = atoll.OpenSection(p.name("memory"), 0); err != nil {
		return err
	}
	if o.mutex, err = atoll.OpenMutex(p.name("mutex"), 0); err != nil {
		return err
	}
	if o.ping, err = atoll.OpenEvent(p.name("ping"), 0); err != nil {
		return err
	}
	if o.pong, err = atoll.OpenEvent(p.name("pong"), 0); err != nil {
		return err
	}
	return o.mapViews()
}

func (o *demoObjects) mapViews() (err error) {
	for i, s := range []*atoll.Section{o.memory, o.file} {
		if o.views[i], err = s.Map(atoll.Read|atoll.Write, 0, 0); err != nil {
			return err
		}
	}
	o.ledger, err = atoll.At[ledger](o.views[0], 2*o.plan.Size)
	return err
}

// close closes what was made or opened.
func (o *demoObjects) close() error {
	var failures []error
	for _, v := range o.views {
		if v != nil {
			failures = append(failures, v.Close())
		}
	}
	if o.file != nil {
		failures = append(failures, o.file.Close())
	}
	if o.memory != nil {
		failures = append(failures, o.memory.Close())
	}
	if o.mutex != nil {
		failures = append(failures, o.mutex.Close())
	}
	for _, e := range []*atoll.Event{o.ping, o.pong} {
		if e != nil {
			failures = append(failures, e.Close())
		}
	}
	return errors.Join(failures...)
}

// Directions of a block.
const (
	toReader = iota
	toMaker
)

// block is the part of a view in which round's block in that direction goes:
// memory and file take turns.
func (o *demoObjects) block(round, direction int) ([]uint64, error) {
	return atoll.SliceOf[uint64](o.views[round%2], int64(direction)*o.plan.Size, int(o.plan.Size/8))
}

// send writes round's block, signals it, and enters it in the ledger while the
// other process is at it.
func (o *demoObjects) send(ctx context.Context, round, direction int, signal *atoll.Event) error {
	block, err := o.block(round, direction)
	if err != nil {
		return err
	}
	fillPattern(block, round, direction)
	if o.plan.Fault == "byte" && direction == toReader && round == o.plan.Rounds/2 {
		block[len(block)-1] ^= 1 << 56
	}
	if err := signal.Set(); err != nil {
		return err
	}
	previous, err := o.mutex.Lock(ctx)
	if err != nil {
		return err
	}
	o.ledger.Begun++
	o.ledger.Blocks++
	o.ledger.Bytes += uint64(o.plan.Size)
	o.ledger.Ended++
	if err := o.mutex.Unlock(); err != nil {
		return err
	}
	if previous != nil {
		return fmt.Errorf("the mutex was %s, but nobody has died", previous)
	}
	return nil
}

// receive waits for round's block, and checks every byte.
func (o *demoObjects) receive(ctx context.Context, round, direction int, signal *atoll.Event) error {
	if err := signal.Wait(ctx); err != nil {
		return err
	}
	block, err := o.block(round, direction)
	if err != nil {
		return err
	}
	if at := checkPattern(block, round, direction); at >= 0 {
		return fmt.Errorf("round %d: the bytes at %d are not what was sent", round, 8*at)
	}
	return nil
}
