// Package boundary founds, finds and removes the directories of private
// namespaces: the namespace of an alias and a boundary, which says which users
// and groups may found it.
//
// Nobody outside the boundary can take the place of such a namespace, because a
// directory counts only if its owner can be proved to be inside: by what the
// kernel lets nobody else make. So everybody who is inside founds in a directory
// of their own, and when several do at once they agree on one by their claims.
// Nothing here is decided by who has a name first.
package boundary
