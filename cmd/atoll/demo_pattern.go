package main

import (
	"encoding/binary"
	"math/bits"
)

// The words of a block depend on the round, the direction and their place, so
// that a block that is stale, torn, shifted or of the other direction is noticed.

// patternSeed begins a block.
func patternSeed(round, direction int) uint64 {
	return bits.RotateLeft64((uint64(round)<<1|uint64(direction))*0xBF58476D1CE4E5B9+0x94D049BB133111EB, 31)
}

// patternWord is the word at place i.
func patternWord(seed uint64, i int) uint64 {
	v := (seed ^ uint64(i)) * 0x9E3779B97F4A7C15
	return v ^ v>>32
}

func fillPattern(block []uint64, round, direction int) {
	seed := patternSeed(round, direction)
	for i := range block {
		block[i] = patternWord(seed, i)
	}
}

// checkPattern compares every byte. It returns the first word that is wrong, or -1.
func checkPattern(block []uint64, round, direction int) int {
	seed := patternSeed(round, direction)
	for i, v := range block {
		if v != patternWord(seed, i) {
			return i
		}
	}
	return -1
}

// patternBytes are the bytes of a block, as they lie in a file.
func patternBytes(size int64, round, direction int) []byte {
	b := make([]byte, 0, size)
	seed := patternSeed(round, direction)
	for i := range int(size / 8) {
		b = binary.NativeEndian.AppendUint64(b, patternWord(seed, i))
	}
	return b
}
