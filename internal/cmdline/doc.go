// Package cmdline answers one question: which arguments does a command line of Windows
// mean?
package cmdline
