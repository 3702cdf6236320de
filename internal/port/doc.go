// Package port answers one question: what comes out of a completion port, and in which
// order? Packets are put into it by hand, or tell what happens in a job.
package port
