// Package transfer answers one question: how does a handle get from one process to
// another? It writes and reads the line that describes a handle, which travels in an
// environment variable or, with the descriptors, in a message on a Unix socket. What
// becomes of a handle that has arrived is the business of the rows above.
package transfer
