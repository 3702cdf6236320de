// Package alertable answers one question: how does a thread wait until objects are there,
// time is over, or it has run what was queued to it?
package alertable
