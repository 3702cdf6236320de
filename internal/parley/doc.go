// Package parley answers one question: how do two processes ask each other for
// handles? Each has an address that only it can have, where it is asked; both sides
// look who the other is before a word is believed. What a handle leads to is packed
// and unpacked by the rows above.
package parley
