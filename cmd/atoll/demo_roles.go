package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The steps of the demo's processes, in order.
const (
	stepCreate   = "create"   // maker
	stepOpen     = "open"     // reader
	stepExchange = "exchange" // both
	stepLock     = "lock"     // maker: and is killed after it
	stepInherit  = "inherit"  // reader: gets the mutex of the dead
	stepFinish   = "finish"   // reader
)

// playMaker is the process that makes everything, and is killed.
func playMaker(ctx context.Context, plan demoPlan, line *parentLine) (err error) {
	o := &demoObjects{plan: plan}
	defer func() { err = errors.Join(err, o.close()) }()
	if err := line.await(ctx, stepCreate); err != nil {
		return err
	}
	if err := o.create(); err != nil {
		return err
	}
	line.say(demoReport{Done: stepCreate})

	if err := line.await(ctx, stepExchange); err != nil {
		return err
	}
	begin := time.Now()
	for round := range plan.Rounds {
		if err := o.send(ctx, round, toReader, o.ping); err != nil {
			return err
		}
		if err := o.receive(ctx, round, toMaker, o.pong); err != nil {
			return err
		}
	}
	elapsed := time.Since(begin)
	if err := o.views[1].Flush(0, 0); err != nil {
		return err
	}
	line.say(demoReport{Done: stepExchange, Elapsed: elapsed})

	if err := line.await(ctx, stepLock); err != nil {
		return err
	}
	if _, err := o.mutex.Lock(ctx); err != nil {
		return err
	}
	o.ledger.Begun++ // and never comes to the end of it
	line.say(demoReport{Done: stepLock})
	<-ctx.Done()
	return ctx.Err()
}

// playReader is the process that finds everything by name, and survives.
func playReader(ctx context.Context, plan demoPlan, line *parentLine) (err error) {
	o := &demoObjects{plan: plan}
	defer func() { err = errors.Join(err, o.close()) }()
	if err := line.await(ctx, stepOpen); err != nil {
		return err
	}
	if err := o.open(); err != nil {
		return err
	}
	line.say(demoReport{Done: stepOpen})

	if err := line.await(ctx, stepExchange); err != nil {
		return err
	}
	for round := range plan.Rounds {
		if err := o.receive(ctx, round, toReader, o.ping); err != nil {
			return err
		}
		if err := o.send(ctx, round, toMaker, o.pong); err != nil {
			return err
		}
	}
	line.say(demoReport{Done: stepExchange})

	if err := line.await(ctx, stepInherit); err != nil {
		return err
	}
	if err := o.inherit(ctx, line); err != nil {
		return err
	}
	if err := line.await(ctx, stepFinish); err != nil {
		return err
	}
	if err := o.finish(ctx); err != nil {
		return err
	}
	line.say(demoReport{Done: stepFinish, Bytes: int64(o.ledger.Bytes)})
	<-ctx.Done() // until the parent has looked
	return nil
}

// inherit waits for the mutex while its owner dies, and repairs what that one
// has left half done.
func (o *demoObjects) inherit(ctx context.Context, line *parentLine) error {
	previous, err := o.mutex.Lock(ctx)
	if err != nil {
		return err
	}
	r := demoReport{Done: stepInherit, At: time.Now()}
	if previous != nil {
		r.PID, r.Command = previous.PID, previous.Command
	}
	r.Torn = o.ledger.Begun != o.ledger.Ended
	o.ledger.Ended = o.ledger.Begun
	if err := o.mutex.Unlock(); err != nil {
		return err
	}
	line.say(r)
	return nil
}

// finish shows that all goes on as before: a lock that nobody abandoned, and a
// last block into the file, in place of the maker's.
func (o *demoObjects) finish(ctx context.Context) error {
	previous, err := o.mutex.Lock(ctx)
	if err != nil {
		return err
	}
	if previous != nil {
		return fmt.Errorf("the mutex was %s a second time", previous)
	}
	block, err := o.block(1, toReader)
	if err != nil {
		return err
	}
	fillPattern(block, o.plan.Rounds, toReader)
	if err := o.views[1].Flush(0, 0); err != nil {
		return err
	}
	return o.mutex.Unlock()
}
