// Package winprocess answers one question: what is a process of Windows on Linux? It
// has how a program is found and started, what is known of a process to which there are
// handles, and how it ended.
package winprocess
