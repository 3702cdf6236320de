// Package space answers one question: which directories of names has this process
// open, and what is in them? It resolves a name, creates or opens its object, knows
// the private namespaces, and lists, inspects and sweeps.
package space
