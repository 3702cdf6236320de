package namespace

import (
	"errors"
	"io/fs"
	"strings"
	"sync"

	"atoll/internal/errs"
)

// aliases are the private namespaces that this process has open: the prefixes that
// names may have besides Local and Global. In no other process do they mean
// anything, unless it opens the namespace as well.
var aliases = struct {
	sync.RWMutex
	scopes map[string]Scope
	names  map[Scope]string
	last   Scope
}{scopes: map[string]Scope{}, names: map[Scope]string{}, last: firstPrivate - 1}

// firstPrivate is the number of the first private namespace. A number is given
// once, so that one of a namespace that was closed means nothing else.
const firstPrivate Scope = 1 << 8

// Private says whether the scope is a private namespace.
func (s Scope) Private() bool { return s >= firstPrivate }

// Known says whether the scope is one that names can have now.
func (s Scope) Known() bool {
	aliases.RLock()
	defer aliases.RUnlock()
	return s <= AllPrivate || aliases.names[s] != ""
}

// CheckAlias says whether a text can be the alias of a private namespace: what can
// stand before the backslash of a name, and means nothing yet.
//
// # Errors
//
// ErrBadName; ErrWrongType: a prefix that is taken.
func CheckAlias(alias string) error {
	switch {
	case alias == "":
		return errs.New(errs.ErrBadName, "a private namespace needs an alias")
	case strings.Contains(alias, separator):
		return errs.New(errs.ErrBadName, "an alias must not contain a backslash; names are then alias\\name")
	case alias == sessions:
		return errs.New(errs.ErrWrongType, "%q is a prefix of its own", alias)
	}
	return errors.Join(checkText(alias), occupied(alias))
}

// NewScope is the number of a private namespace that has no prefix yet.
func NewScope() Scope {
	aliases.Lock()
	defer aliases.Unlock()
	aliases.last++
	return aliases.last
}

// Admit makes the alias a prefix of names in this process.
//
// # Errors
//
// fs.ErrExist: it is one.
func Admit(alias string, s Scope) error {
	aliases.Lock()
	defer aliases.Unlock()
	if _, taken := aliases.scopes[alias]; taken {
		return errs.New(fs.ErrExist, "this process has another private namespace open under the alias %q; close it first", alias)
	}
	aliases.scopes[alias], aliases.names[s] = s, alias
	return nil
}

// Dismiss undoes Admit.
func Dismiss(s Scope) {
	aliases.Lock()
	defer aliases.Unlock()
	delete(aliases.scopes, aliases.names[s])
	delete(aliases.names, s)
}

// scopeOf is what a prefix means.
func scopeOf(prefix string) (s Scope, known bool) {
	switch prefix {
	case localPrefix:
		return Local, true
	case globalPrefix:
		return Global, true
	}
	aliases.RLock()
	defer aliases.RUnlock()
	s, known = aliases.scopes[prefix]
	return s, known
}

// aliasOf is what a private namespace is called, as long as it is open.
func aliasOf(s Scope) string {
	aliases.RLock()
	defer aliases.RUnlock()
	if alias, ok := aliases.names[s]; ok {
		return alias
	}
	return "a private namespace that was closed"
}
