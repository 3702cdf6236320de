// Package views answers one question: what lies at an address of this process, as
// Windows sees it, and what can be done with it there? Views of sections, and areas of
// VirtualAlloc, are found by any address inside; the protection of each page is known,
// and what of a reserve section is committed. Sizes and addresses are as on Windows:
// everything begins at a multiple of 64 KiB, and has the rest of its last 64 KiB for
// itself.
package views
