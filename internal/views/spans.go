//go:build linux

package views

import (
	"slices"
	"sort"
)

// span is a piece of the address space with something that holds for all of it.
type span[V comparable] struct {
	from, to uintptr
	value    V
}

// spans are pieces in order, none inside another. Neighbours have different values.
type spans[V comparable] []span[V]

// from is where the first piece is that ends behind an address.
func (s spans[V]) from(address uintptr) int {
	return sort.Search(len(s), func(i int) bool { return s[i].to > address })
}

// at gives the piece at an address.
func (s spans[V]) at(address uintptr) (span[V], bool) {
	if i := s.from(address); i < len(s) && s[i].from <= address {
		return s[i], true
	}
	return span[V]{}, false
}

// within gives what of the pieces lies between two addresses.
func (s spans[V]) within(from, to uintptr) []span[V] {
	var found []span[V]
	for i := s.from(from); i < len(s) && s[i].from < to; i++ {
		p := s[i]
		p.from, p.to = max(p.from, from), min(p.to, to)
		found = append(found, p)
	}
	return found
}

// clear takes away what lies between two addresses.
func (s *spans[V]) clear(from, to uintptr) {
	if from >= to {
		return
	}
	s.cut(from)
	s.cut(to)
	i, j := s.from(from), s.from(to)
	*s = slices.Delete(*s, i, j)
}

// cut makes an address the border of two pieces, if it lies inside one.
func (s *spans[V]) cut(address uintptr) {
	i := s.from(address)
	if i == len(*s) || (*s)[i].from >= address {
		return
	}
	left := (*s)[i]
	left.to = address
	(*s)[i].from = address
	*s = slices.Insert(*s, i, left)
}

// set gives all between two addresses a value.
func (s *spans[V]) set(from, to uintptr, value V) {
	s.clear(from, to)
	if from >= to {
		return
	}
	i := s.from(from)
	*s = slices.Insert(*s, i, span[V]{from, to, value})
	s.join(i + 1)
	s.join(i)
}

// join makes one piece of a piece and the one before it, if nothing tells them apart.
func (s *spans[V]) join(i int) {
	if i < 1 || i >= len(*s) {
		return
	}
	left, right := (*s)[i-1], (*s)[i]
	if left.to == right.from && left.value == right.value {
		(*s)[i-1].to = right.to
		*s = slices.Delete(*s, i, i+1)
	}
}
