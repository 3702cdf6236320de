// Package wait is the protocol by which goroutines of many processes wait for
// one object and are released, whatever is killed, stopped or cancelled, at any
// instruction. docs/ARCHITECTURE.md tells it in prose, models/cell.pml proves it.
//
// Who may change what:
//
//   - Anybody, by one compare-and-swap of the whole cell, while the gate is open
//     and nobody is asleep (or nobody needs to be woken by the change).
//   - Otherwise only the holder of the gate. It changes the word, clears the
//     sleepers bit, and then opens the gate and wakes everybody in one call of
//     the kernel. Killed before that call, it leaves sleepers asleep until
//     somebody finds the gate's holder dead: whoever wants the gate next, or the
//     tick of any sleeper. That one opens the gate and wakes everybody.
//   - The sleepers bit is set with the gate open, in the compare-and-swap that
//     precedes every sleep; the kernel compares the word again before it lets
//     anybody sleep. So a change cannot slip in between.
//
// A process has one sleeper per object, however many of its goroutines wait: the
// others queue behind it in memory. A signal wakes the sleeper of every process
// and the cell decides who gets the object: so a wake that reaches a process
// which is just then killed, stopped or cancelled is not lost.
package wait
