package atoll

// Boundary says who may create a private namespace, and so whom those who open it
// need to trust: who satisfies every one of its elements, which are users (the
// user's number) and groups (a group that the user is a member of). It needs at
// least one; two different users are satisfied by nobody. Order and duplicates do
// not matter. Name tells boundaries with the same elements apart.
//
// The counterpart of a boundary descriptor: Users and Groups are the security
// identifiers added to it. Integrity levels have no counterpart.
//
// Source: https://learn.microsoft.com/windows/win32/sync/object-namespaces
type Boundary struct {
	Name          string
	Users, Groups []int
}

// PrivateNamespace is a handle of a name space that only those can have created who
// are inside its boundary, so that nobody outside can take its names first, or pose
// as its creator. In the process that has it open, `alias\name` names an object in
// it, to every call that takes a name; in other processes the alias means nothing,
// unless they open it as well.
//
// A private namespace is identified by its alias and its boundary together: the same
// alias with another boundary is another one. Only one of them can be open under the
// alias in one process at a time; handles of the same one, any number.
//
// It can be opened as long as its creator has it open. When the creator closes it, or
// ends, those who have it open go on: their objects live, and they can create more.
// Its directory is removed with the last of them, by the last process that has it
// open or an object in it; after a kill, or if that process is of a user who may not
// remove it, by the next Sweep of the creator's LocalScope, or of root's.
//
// # Who may enter
//
// That is for the creator to say, with Security. Without, of a boundary that is one
// group the members of that group may open the namespace, and create objects in it
// and open them as far as the objects' own rights allow. Of any other boundary only
// the creator's user may: rights of a directory cannot say "who is in both groups".
//
// # What proves the boundary
//
// An opener accepts only a directory whose owner the kernel shows to be inside: the
// user by who owns it, and each group by a mark on a file that the kernel lets nobody
// but a member of the group set. Somebody who was a member once can have kept such a
// file until the next start of the system.
//
// # Waiting
//
// Waits for all of several objects work within one private namespace, and together
// with objects of Global\; with others they fail with errors.ErrUnsupported.
type PrivateNamespace struct {
	kernel *kernelPrivateNamespace
	alias  string
}

// NewPrivateNamespace creates the namespace of a boundary and an alias, which is text
// without a backslash. Of several who try at the same moment exactly one succeeds.
// It blocks while another process is about to create the same one, for some seconds
// at the most.
//
// # Errors
//
// fs.ErrExist: it exists; or this process has another one open under the alias.
// fs.ErrPermission: this process does not satisfy the boundary, or the base
// directory is not as it must be. fs.ErrInvalid: a boundary without elements, or
// with a number that is no id. ErrBadName, ErrWrongType: the alias. ErrStuck:
// another process that was about to create it seems to be stopped.
//
// Source: https://learn.microsoft.com/windows/win32/api/namespaceapi/nf-namespaceapi-createprivatenamespacew
func NewPrivateNamespace(boundary Boundary, alias string) (*PrivateNamespace, error) {
	return NewPrivateNamespaceWith(boundary, alias, PrivateNamespaceOptions{})
}

// PrivateNamespaceOptions are what can be said about a new private namespace.
type PrivateNamespaceOptions struct {
	// Security says who may enter, as for a section. Who may Read may open the
	// namespace, and objects in it as far as the objects' own rights allow; who may
	// also Write may create objects in it. Everybody can remove only what is their own, and the creator
	// everything. nil: see PrivateNamespace. The owner is always the creator, who
	// proves the boundary by it.
	Security *Security
}

// NewPrivateNamespaceWith is NewPrivateNamespace with options.
//
// # Errors
//
// As NewPrivateNamespace, and what a create with a Security says; fs.ErrInvalid also
// for one with another owner.
func NewPrivateNamespaceWith(boundary Boundary, alias string, o PrivateNamespaceOptions) (*PrivateNamespace, error) {
	k, err := newPrivateNamespace(boundary, alias, o.Security)
	if err != nil {
		return nil, fail("create private namespace", 0, alias, err)
	}
	return &PrivateNamespace{kernel: k, alias: alias}, nil
}

// OpenPrivateNamespace opens the namespace of a boundary and an alias, if a process
// that is inside the boundary has created it and has it still open. The opener need
// not be inside, if who may enter includes them. It blocks for nothing.
//
// # Errors
//
// fs.ErrNotExist: there is none. fs.ErrPermission: this user may not enter it.
// fs.ErrExist: this process has another one open under the alias. fs.ErrInvalid,
// ErrBadName, ErrWrongType: as NewPrivateNamespace.
//
// Source: https://learn.microsoft.com/windows/win32/api/namespaceapi/nf-namespaceapi-openprivatenamespacew
func OpenPrivateNamespace(boundary Boundary, alias string) (*PrivateNamespace, error) {
	k, err := openPrivateNamespace(boundary, alias)
	if err != nil {
		return nil, fail("open private namespace", 0, alias, err)
	}
	return &PrivateNamespace{kernel: k, alias: alias}, nil
}

// Alias is what stands before the backslash in the names of its objects.
func (p *PrivateNamespace) Alias() string { return p.alias }

// Scope is the namespace for List and Sweep, as long as this process has it open.
func (p *PrivateNamespace) Scope() Scope { return Scope(p.kernel.Scope) }

// Path is the directory of its objects.
func (p *PrivateNamespace) Path() string { return p.kernel.Path() }

// Close closes the handle. Through the creator's own handle, nobody can open the
// namespace any more afterwards; and when a process closes its last one, the alias
// means nothing in it any more. Objects go on working.
//
// # Errors
//
// os.ErrClosed: it is closed already.
//
// Source: https://learn.microsoft.com/windows/win32/api/namespaceapi/nf-namespaceapi-closeprivatenamespace
func (p *PrivateNamespace) Close() error {
	return fail("close private namespace", 0, p.alias, p.kernel.Close())
}
