// Package layout says what lies in shared memory: the header of an object's
// file, the state cell of a synchronisation object, and the file of a member.
// docs/FORMAT.md is the same in prose; the two are kept equal by tests.
//
// Nothing here calls the system. Every function that looks at bytes of another
// process accepts any bytes: it returns a value or ErrCorrupt / ErrVersion, and
// never panics.
package layout
