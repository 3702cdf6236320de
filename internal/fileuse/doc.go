// Package fileuse answers one question: who uses a file, how, and what do they forbid
// others? It is the share modes of Windows, and what a section imposes on its file.
//
// What a program says of its use are locks on bytes far behind the end of any file,
// on the description that it has open: they belong to the description, so they stay
// as long as one descriptor or mapping of it, in whatever process, and the kernel
// drops them when the last one is gone, however that comes. Whoever does not ask is
// kept from nothing.
package fileuse
