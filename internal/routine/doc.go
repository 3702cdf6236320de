// Package routine answers one question: who calls a thread when the timer is due that it
// set, and who takes the call back?
package routine
