package atoll

import (
	"io/fs"

	"atoll/internal/access"
)

// Security says who may do what with an object that is created; it is ignored
// when an existing one is opened. The kernel enforces it, by the object's file:
// who may read the file may map a section for reading, wait for a manual-reset
// event or timer, and see the state of any object; all else needs the right to
// read and write. root may everything.
//
// Rights are looked at when a handle is made. Handles that exist go on when the
// rights of the file change.
//
// A nil *Security, and the zero value, let the creator's user alone read and write.
//
// Source: https://learn.microsoft.com/windows/win32/sync/synchronization-object-security-and-access-rights
type Security struct {
	// Mode has the bits of reading and writing for the owner, the group and
	// everybody else, as chmod has, whatever the umask; 0 is 0600. Who may write
	// must be allowed to read.
	Mode fs.FileMode
	// Owner and Group are numbers of a user and a group; nil is the creator's. Only
	// root can name another owner, and a group that it is not in.
	Owner, Group *int
}

// kernel is the security as the kernel's row has it.
func (s *Security) kernel() *access.Security {
	if s == nil {
		return nil
	}
	return &access.Security{Mode: uint32(s.Mode), Owner: s.Owner, Group: s.Group}
}

// request is what an open or create asks for.
func request(k access.Kind, a Access, s *Security) access.Request {
	return access.Request{Access: a.of(k), Security: s.kernel()}
}
