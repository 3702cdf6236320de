// Package wait is the protocol by which goroutines of many processes wait for
// objects and are released, whatever is killed, stopped or cancelled, at any
// instruction. docs/ARCHITECTURE.md tells it in prose, models/ proves it.
//
// Who may change what:
//
//   - Anybody, by one compare-and-swap of the whole cell, while the gate is open
//     and nobody is asleep who would have to be woken, or only goroutines of the
//     changer's own process, which it then tells in memory.
//   - Otherwise only the holder of the gate. It changes the word, and then opens
//     the gate and wakes everybody in one call of the kernel. Killed before that
//     call, it leaves sleepers asleep until somebody finds the gate's holder dead:
//     whoever wants the gate next, or the tick of any process with sleepers. That
//     one opens the gate and wakes everybody. A wait for all opens gates without the
//     kernel where nobody sleeps; who sleeps on its gate has marked that.
//   - Who sleeps is said in the compare-and-swap that precedes every sleep, with
//     the gate open. The sleeper has read the number of wakes before, and the
//     kernel compares it again before it lets anybody sleep. So no wake can slip in
//     between, also if the word has come back to what it was.
//
// A process has one place per object, a Slot, however many of its goroutines wait.
// A signal reaches every process that sleeps and the cell decides who gets the
// object: so a wake that reaches a process which is just then killed, stopped or
// cancelled is not lost. Within the process the first in the queue looks, and lets
// the next one look when it leaves, for whatever reason.
//
// Where things are: slot.go the queue, look.go what can be taken, all.go taking
// several at once, change.go signals, gate.go waiting for a gate and repairing it,
// waiter.go the life of a wait, sleep.go what it sleeps on, spin.go the moment
// before that, bell.go and tick.go the death of others, timer.go the clock.
package wait
